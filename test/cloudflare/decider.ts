import { genesis, link, stamp } from "../../src/core/audit/chain.ts";
import type { Command } from "../../src/core/model/command.ts";
import { canonical } from "../../src/core/model/json.ts";
import type { LockTable } from "../../src/core/model/lock.ts";
import { decide } from "../../src/core/session/decide.ts";
import { evolve } from "../../src/core/session/evolve.ts";
import { NEW_WORKFLOW } from "../../src/core/session/state.ts";
import { mac, sha256 } from "../../src/core/testing.ts";
import { scriptedRules, simulatedBundle } from "../simulation/rules.ts";

export interface History {
  readonly tenant: string;
  readonly workflow: string;
  /** Sealed inputs of one workflow, in order. */
  readonly inputs: readonly string[];
}

/** Decides one workflow's commands anew and answers with the hash of each event. */
function hashesOf({ tenant, workflow, inputs }: History): readonly string[] {
  const bundle = simulatedBundle(tenant);
  let state = NEW_WORKFLOW;
  let head = genesis(sha256, tenant, workflow);
  return inputs.map((input) => {
    const { command, facts } = JSON.parse(input) as {
      command: Command;
      facts: { now: number; locks: LockTable | null };
    };
    const known = { ...facts, bundle, evaluator: scriptedRules, hash: sha256, mac };
    const [body] = decide(state, command, known, input).events;
    if (body === undefined) return "";
    const event = stamp(body, state.next, facts.now, workflow);
    head = link(sha256, head, canonical(event));
    state = evolve(state, event);
    return head;
  });
}

export default {
  async fetch(request: Request): Promise<Response> {
    return Response.json(hashesOf((await request.json()) as History));
  },
};
