import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Tool } from "../../core/model/bundle.ts";
import type { CallCommand, OpenCommand } from "../../core/model/command.ts";
import type { Evaluator } from "../../core/model/policy.ts";
import { NodeAgentKeys } from "./agent-keys.ts";
import { type DataFolder, openDataFolder } from "./database.ts";
import { Directory } from "./directory.ts";
import { Journal } from "./journal.ts";
import { sha256 } from "./keys.ts";
import { NodeSessions } from "./sessions.ts";
import { TenantStreams } from "./tenant-stream.ts";
import { loadWrapping } from "./wrapping.ts";

/** A temporary folder that goes away with its scope. */
export function temporaryFolder(): Disposable & { readonly path: string } {
  const path = mkdtempSync(join(tmpdir(), "postern-test-"));
  return {
    path,
    [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }),
  };
}

export const READ: Tool = {
  id: "notes_read",
  definition: sha256("notes_read"),
  destination: "notes",
  place: { network: "acme", tier: "internal" },
  action: "read",
  tier: "internal",
  dataClasses: ["note.text"],
  labels: [],
  policyArguments: [],
  sourceArguments: [],
  trusted: true,
  agent: null,
  reviewed: true,
  canary: false,
  critical: false,
  resendMs: null,
  preview: null,
  cost: 10,
  timeoutMs: 1_000,
  maxResultBytes: 1_024,
};
export const WRITE: Tool = {
  ...READ,
  id: "notes_write",
  definition: sha256("w"),
  action: "mutate",
};

const NO_LOCKS = { epoch: 0, locks: [], revocations: [] };

const allowAll: Evaluator = {
  evaluate: () => ({ decision: "allow", ruleIds: ["all"], errors: [] }),
  authorize: () => ({ decision: "allow", ruleIds: ["all"], errors: [] }),
};

/** The parts of a Node host around one data folder, with a bundle that allows everything. */
export function hostOn(
  path: string,
  {
    now = (): number => Date.UTC(2026, 10, 22),
    active = (): boolean => true,
  }: { readonly now?: () => number; readonly active?: () => boolean } = {},
): Disposable & {
  readonly folder: DataFolder;
  readonly journal: Journal;
  readonly directory: Directory;
  readonly streams: TenantStreams;
  readonly sessions: NodeSessions;
  readonly keys: NodeAgentKeys;
} {
  const folder = openDataFolder(path);
  const journal = new Journal(folder.db);
  const streams = new TenantStreams(folder.db, journal, sha256, now);
  const directory = new Directory(folder.db, journal, streams, now);
  const tools = new Map([READ, WRITE].map((tool) => [tool.id, tool]));
  const view = {
    digest: sha256("bundle"),
    tool: (id: string) => tools.get(id),
    toolIds: [...tools.keys()],
    agents: ["agent", "helper"],
    delegations: [
      {
        ...{ id: "down", from: ["agent"], to: ["helper"], tools: ["*"], limits: {} },
        maxLifeMs: 3_600_000,
      },
    ],
    approvalKinds: [],
    containment: [],
    trust: [
      {
        id: "everyone",
        claims: { groups: ["staff"] },
        agents: ["agent"],
        purposes: ["test"],
        tools: ["*"],
        limits: { calls: 100, cost: 10_000, runtimeMs: 1_000_000 },
        maxLifeMs: 3_600_000,
        maxLive: 10,
      },
    ],
  };
  const keys = new NodeAgentKeys(folder.db, now, () => []);
  const sessions = new NodeSessions({
    db: folder.db,
    keys,
    journal,
    wrapping: loadWrapping(path, undefined, {}),
    hash: sha256,
    now,
    facts: () =>
      active() ? { now: now(), bundle: view, locks: NO_LOCKS, evaluator: allowAll } : null,
    signalled: () => undefined,
  });
  return {
    folder,
    journal,
    directory,
    streams,
    sessions,
    keys,
    [Symbol.dispose]: () => folder[Symbol.dispose](),
  };
}

export function openCommand(workflow: string, keyDigest: string): OpenCommand {
  return {
    type: "open",
    tenant: "acme",
    workflow,
    seat: "seat_1",
    human: "h",
    claims: { groups: ["staff"] },
    agent: "agent",
    jkt: "jkt",
    key: "own",
    purpose: "test",
    inputs: {},
    keyDigest,
    live: 0,
  };
}

export function callCommand(call: string, tool: Tool = READ): CallCommand {
  return {
    type: "call",
    call,
    txn: `txn_${call}`,
    seat: "seat_1",
    tool: tool.id,
    arguments: { secret: "canary-in-arguments" },
    shaped: {
      ok: true,
      policyArguments: {},
      operation: sha256(call),
      target: "{}",
      sources: {},
    },
    presenter: { connector: "con_1", session: "nonce" },
    approval: `apr_${call}`,
    idempotencyKey: null,
  };
}
