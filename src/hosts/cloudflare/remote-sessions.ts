import type { Command } from "../../core/model/command.ts";
import type { WorkflowState } from "../../core/session/state.ts";
import { NEW_WORKFLOW } from "../../core/session/state.ts";
import {
  AuditUnavailable,
  type Committed,
  type Session,
  type Sessions,
  type StoredEvent,
} from "../../gateway/ports.ts";
import type { NodeAgentKeys } from "../node/agent-keys.ts";
import type { LiveWorkflows } from "../node/live.ts";
import { place, type Statements } from "../node/session-store.ts";
import type { Write } from "../node/sql.ts";
import { newKey, WorkflowKey } from "../node/workflow-key.ts";
import type { Wrapping } from "../node/wrapping-key.ts";
import type { ObjectJournal } from "./journal.ts";
import { WORKFLOW } from "./names.ts";
import type { Stub } from "./platform.ts";
import type { SessionObject } from "./session.ts";

/** Longer than any message takes: what was reserved for a workflow whose end nobody heard of. */
const RESERVED_MS = 60_000;

export interface RemoteSessionParts {
  readonly journal: ObjectJournal;
  readonly statements: Statements;
  readonly wrapping: Wrapping;
  readonly living: LiveWorkflows;
  readonly keys: NodeAgentKeys;
  now(): number;
  stub(workflow: string): Stub<SessionObject>;
}

/**
 * The sessions of one tenant, as its own object sees them: each lives in an object of its own. Whose a
 * key is and how many workflows are live is known here, so it is claimed before the message leaves.
 */
export class RemoteSessions implements Sessions {
  readonly #parts: RemoteSessionParts;

  constructor(parts: RemoteSessionParts) {
    this.#parts = parts;
  }

  async find(_tenant: string, workflow: string): Promise<Session | null> {
    if (!WORKFLOW.test(workflow)) return null;
    const stub = this.#parts.stub(workflow);
    const seen = await heard(() => stub.look());
    return seen === null ? null : this.#session(stub, seen.state, seen.keyDigest, null);
  }

  live(tenant: string, human: string, agent: string): number {
    return this.#parts.living.count(tenant, human, agent);
  }

  create(tenant: string, workflow: string): Session {
    const key = newKey();
    const wrapped = this.#parts.wrapping.wrap(place(tenant, workflow), key);
    const { digest } = new WorkflowKey(key);
    return this.#session(this.#parts.stub(workflow), NEW_WORKFLOW, digest, wrapped);
  }

  /** It ended: it counts no more against what its human may have open. */
  async closed(tenant: string, workflow: string): Promise<void> {
    const { journal, statements, living } = this.#parts;
    living.forget(tenant, workflow);
    await journal.write([{ statement: statements.end, values: [tenant, workflow] }]);
  }

  #session(
    stub: Stub<SessionObject>,
    state: WorkflowState,
    keyDigest: string,
    wrapped: Uint8Array | null,
  ): Session {
    let known = state;
    return {
      get state() {
        return known;
      },
      keyDigest,
      submit: async (command) => {
        const committed = await this.#submit(stub, known, command, wrapped);
        known = committed.state;
        return committed;
      },
      consider: () => {
        throw new AuditUnavailable("only the session itself knows what it would decide");
      },
      moved: (seq, ms) => heard(() => stub.moved(seq, ms)),
      kept: (call, kind) => heard(() => stub.kept(call, kind)),
      inputAt: (seq) => heard(() => stub.inputAt(seq)),
      input: (call) => heard(() => stub.input(call)),
    };
  }

  async #submit(
    stub: Stub<SessionObject>,
    state: WorkflowState,
    command: Command,
    wrapped: Uint8Array | null,
  ): Promise<Committed> {
    const undo = this.#claim(state, command);
    try {
      const committed = await heard(() =>
        command.type === "open" && wrapped !== null
          ? stub.open(command, wrapped)
          : stub.submit(command),
      );
      if (command.type === "open" && committed.event === null) {
        this.#parts.living.forget(command.tenant, command.workflow);
      }
      await this.#register(committed.state.tenant, committed.event);
      return committed;
    } finally {
      undo();
    }
  }

  /** In this very turn: whoever comes while the message is under way must not get the same again. */
  #claim({ tenant, workflow }: WorkflowState, command: Command): () => void {
    const { keys, living, now } = this.#parts;
    if (command.type !== "open" && command.type !== "seat") return () => undefined;
    if (command.key !== "own") return () => undefined;
    const { agent, jkt } = command;
    if (command.type === "seat") {
      const at = place(tenant, workflow);
      keys.claim(jkt, { tenant, agent, at });
      return () => keys.forget(at);
    }
    const at = place(command.tenant, command.workflow);
    keys.claim(jkt, { tenant: command.tenant, agent, at });
    const expires = now() + RESERVED_MS;
    living.add(command.tenant, command.workflow, { human: command.human, agent, expires });
    return () => keys.forget(at);
  }

  /** What the tenant has to know of it; a workflow that was not opened leaves nothing. */
  async #register(tenant: string, stored: StoredEvent | null): Promise<void> {
    const event = stored?.event;
    const { journal, statements, living } = this.#parts;
    if (event?.type !== "workflow.opened" && event?.type !== "seat.granted") return;
    const { jkt, agent, at, workflow } = event;
    const writes: Write[] = [{ statement: statements.ownKey, values: [jkt, tenant, agent, at] }];
    if (event.type === "workflow.opened") {
      living.see(tenant, event);
      const { human, expiresAt } = event;
      writes.push({
        statement: statements.begin,
        values: [tenant, workflow, human, agent, expiresAt],
      });
    }
    await journal.write(writes);
  }
}

/** A message that got no answer may have been heard: nobody knows, so nothing is said to have happened. */
async function heard<T>(ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch {
    throw new AuditUnavailable("the session did not answer");
  }
}
