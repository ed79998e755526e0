import type { Patch } from "./project-copy.ts";

/** A way in which Postern could be wrong, and the case that must notice. */
export interface Mutant {
  readonly name: string;
  readonly patch: Patch;
  readonly suite: string;
  readonly noticedBy: string;
}

const ACCEPTANCE = "test/acceptance/acceptance.test.ts";
const FSYNC = "test/fsync/fsync.test.ts";

export const MUTANTS: readonly Mutant[] = [
  {
    name: "redaction is off",
    patch: {
      file: "src/tools/standing.ts",
      find: "return Object.hasOwn(plan, dataClass) && plan[dataClass]?.allow === true;",
      replace: "return Object.hasOwn(plan, dataClass);",
    },
    suite: ACCEPTANCE,
    noticedBy: "redacts nested fields, arrays and maps, drops records, and counts all of it",
  },
  {
    name: "the connector skips verification",
    patch: {
      file: "src/connector/serve.ts",
      find: "const verified = await verifyCallToken(frame.token, {",
      replace: `const trusting = async (token: string, _: object) => {
        const claims = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString());
        const { call, workflow } = claims.tctx;
        return { ok: true, human: claims.sub, agent: claims.act.sub, txn: claims.txn, call, workflow, claims };
      };
      const verified = await trusting(frame.token, {`,
    },
    suite: ACCEPTANCE,
    noticedBy: "who puts in another query is refused, and nothing happens",
  },
  {
    name: "the evaluator always allows",
    patch: {
      // Behind the publish gate, which would notice by itself.
      file: "src/hosts/node/bundles.ts",
      find: "gatewayBundle(compileBundle(source), sha256)",
      replace: `gatewayBundle({
        ...compileBundle(source),
        evaluator: { evaluate: () => ({ decision: "allow", ruleIds: [], errors: [] }) },
      }, sha256)`,
    },
    suite: ACCEPTANCE,
    noticedBy:
      'lab_fortress {} is denied by the network class: network_denied ["nobody-enters-the-fortress"]',
  },
  {
    name: "settlement is not recorded",
    patch: {
      file: "src/gateway/call.ts",
      find: `const settled = await submitted(session, {
    type: "settle",
    call: admitted.call,
    settlement,
    runtimeMs,
  });`,
      replace: `const settled = {
        result: {
          kind: "settled",
          ...(settlement.kind === "failed"
            ? { outcome: "failed", code: settlement.code }
            : { outcome: settlement.redactions.length > 0 ? "partial_result" : "ok", code: null }),
          ruleIds: [],
          policyVersion: admitted.bundle.view.digest,
          runtimeMs,
        },
      } as never as Committed;`,
    },
    suite: ACCEPTANCE,
    noticedBy: "tells a workflow from open to close, in order, as a chain that anybody can compute",
  },
  {
    name: "a commit is not synced",
    patch: {
      file: "src/hosts/node/database.ts",
      find: "PRAGMA synchronous = FULL;",
      replace: "PRAGMA synchronous = NORMAL;",
    },
    suite: FSYNC,
    noticedBy: "is an answer only after the sync that covers its settlement",
  },
  {
    name: "writers are answered before their commit",
    patch: {
      file: "src/hosts/node/journal.ts",
      find: "return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));",
      replace:
        "this.#waiting.push({ resolve: () => undefined, reject: () => undefined }); return Promise.resolve();",
    },
    suite: FSYNC,
    noticedBy: "is a request for a tool only after the sync that covers its admission",
  },
];
