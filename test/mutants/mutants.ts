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
const APPROVERS = "test/torture/29.test.ts";
const CALL = "src/gateway/call.test.ts";
const KEYS = "src/hosts/node/keys.test.ts";
const VOUCHERS = "src/tunnel/vouch.test.ts";
const QUERIES = "src/sql/guard.test.ts";
const SUMMARIES = "src/sql/summary.test.ts";
const ROWS = "src/connector/postgres-rows.test.ts";
const ALLOWED = "src/connector/allow.test.ts";
const DECIDER = "src/core/session/call.test.ts";
const FIT = "src/connector/fit.test.ts";

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
      file: "src/gateway/dispatch.ts",
      find: "const settled = await submitted(",
      replace: `const trusting = (...asked: Parameters<typeof submitted>) => {
    const [at, { settlement }, keep] = asked as never as [Session, Executed, Keep?];
    const ending =
      settlement.kind === "failed"
        ? { outcome: "failed", code: settlement.code }
        : { outcome: "redactions" in settlement && settlement.redactions.length > 0 ? "partial_result" : "ok", code: null };
    const policyVersion = admitted.bundle.view.digest;
    const result = { kind: "settled", ...ending, ruleIds: [], policyVersion, runtimeMs } as never as Result;
    keep?.(result, at.state);
    return { result, state: at.state };
  };
  const settled = trusting(`,
    },
    suite: ACCEPTANCE,
    noticedBy: "tells a workflow from open to close, in order, as a chain that anybody can compute",
  },
  {
    name: "a signal locks nothing",
    patch: {
      file: "src/hosts/node/containment.ts",
      find: "if (rule === null || containment?.lock == null) return;",
      replace: "if (rule !== null || containment?.lock == null) return;",
    },
    suite: ACCEPTANCE,
    noticedBy: "locks its workflow when it happens too often, and nothing else of its owner",
  },
  {
    name: "a key is whoever's shows it",
    patch: {
      file: "src/hosts/node/agent-keys.ts",
      find: 'if (owners.some((owner) => owner.tenant !== tenant)) return "other_tenant";',
      replace: 'if (owners.some((owner) => owner.tenant !== tenant)) return "own";',
    },
    suite: ACCEPTANCE,
    noticedBy: "opens workflows at one tenant; at another it is refused as cross_tenant_context",
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
    noticedBy:
      "is a request for a tool, also to preview, only after the sync that covers its admission",
  },
  {
    name: "the connector commits without comparing the change with the approved one",
    patch: {
      file: "src/connector/postgres-observe.ts",
      find: "return sha256(canonical(change)) === seal.changes;",
      replace: "return sha256(canonical(change)) !== seal.changes || true;",
    },
    suite: ACCEPTANCE,
    noticedBy: "is not carried out when the state moved on since it was shown: SQL",
  },
  {
    name: "the connector sends no If-Match",
    patch: {
      file: "src/connector/http.ts",
      find: 'if (etag !== null) headers["if-match"] = etag;',
      replace: "",
    },
    suite: ACCEPTANCE,
    noticedBy: "is not carried out when the state moved on since it was shown: HTTP",
  },
  {
    name: "the decider does not compare the digest that was signed in for",
    patch: {
      file: "src/core/session/approval.ts",
      find: "if (command.digest !== approval.digest || approval.policyVersion !== facts.bundle.digest) {",
      replace: "if (approval.policyVersion !== facts.bundle.digest) {",
    },
    suite: APPROVERS,
    noticedBy: "a sign-in for anything else decides nothing",
  },
  {
    name: "one human gives every kind of one approval",
    patch: {
      file: "src/core/session/approval.ts",
      find: 'if (approval.given.some((one) => one.human === command.human)) return refused("two_kinds");',
      replace: "",
    },
    suite: ACCEPTANCE,
    noticedBy: "wants two kinds from two people",
  },
  {
    name: "every human who signs in is shown every request",
    patch: {
      file: "src/gateway/approve.ts",
      find: "if (!mayLook(gateway, bundle, state, request, viewer)) return null;",
      replace: "",
    },
    suite: ACCEPTANCE,
    noticedBy: "is nothing that a human may know of who could not decide it",
  },
  {
    name: "a lock withholds nothing that was given before",
    patch: {
      file: "src/gateway/withhold.ts",
      find: "if (ruleIds.length === 0) return outcome;",
      replace: "return outcome;",
    },
    suite: CALL,
    noticedBy:
      "withholds the result of customers_find when a lock comes while its end is committed",
  },
  {
    name: "locks are not looked at between commit and dispatch",
    patch: {
      file: "src/gateway/outbound.ts",
      find: "if (locks === null || locks.epoch !== event.lockEpoch) return notDispatched;",
      replace: "void locks;",
    },
    suite: CALL,
    noticedBy: "does not dispatch when the lock epoch moves between commit and dispatch",
  },
  {
    name: "the connector serves another tier than its own",
    patch: {
      file: "src/connector/fit.ts",
      find: 'if (context.tier !== place.tier) return "tier_mismatch";',
      replace: "",
    },
    suite: FIT,
    noticedBy: "is served in one network and tier, neither below nor above",
  },
  {
    name: "the connector takes a request from before a lock",
    patch: {
      file: "src/connector/fit.ts",
      find: 'if (context.lock_epoch < epoch) return "lock_epoch_passed";',
      replace: "",
    },
    suite: FIT,
    noticedBy: "ends with the next lock",
  },
  {
    name: "a credential that was seen once outlives its key",
    patch: {
      file: "src/identity/credential.ts",
      find: "} else if (findKey(ring, known.kid) === undefined) {",
      replace: "} else if (findKey(ring, known.kid) === null) {",
    },
    suite: KEYS,
    noticedBy: "leaves nothing of a locked key, cached or not, for a request or a renewal",
  },
  {
    name: "a connector takes a stranger's word for the gateway's next key",
    patch: {
      file: "src/tunnel/vouch.ts",
      find: "if (verifyText(signer, voucherText(tenant, from, to), signature)) keys",
      replace: "keys",
    },
    suite: VOUCHERS,
    noticedBy: "counts for its own tenant, under its own signature",
  },
  {
    name: "a fence lets every column through",
    patch: {
      file: "src/sql/rewrite.ts",
      find: "visible(column) ? [quoted(name)] : [],",
      replace: "column !== undefined || visible(column) ? [quoted(name)] : [],",
    },
    suite: QUERIES,
    noticedBy: "leaves a star with the columns that may be seen, and none that nobody declared",
  },
  {
    name: "the connector runs a query without a fence",
    patch: {
      file: "src/sql/sealed.ts",
      find: "expectFences(tree, readable, new Set());",
      replace: "",
    },
    suite: ALLOWED,
    noticedBy: "refuses a listed column without a fence",
  },
  {
    name: "nobody asks what else a write has written",
    patch: {
      file: "src/connector/postgres-rows.ts",
      find: "beside.some(([id]) => !also.includes(id))",
      replace: "false",
    },
    suite: ROWS,
    noticedBy: "is refused, or declared: a foreign key that cascades",
  },
  {
    name: "a class that a call names need not be disclosed",
    patch: {
      file: "src/core/session/judge.ts",
      find: "const withheld = named.map((at) => disclosures[at] ?? UNASKED).filter((one) => !one.allow);",
      replace:
        "const withheld = named.map((at) => disclosures[at] ?? UNASKED).filter((one) => one.failed);",
    },
    suite: DECIDER,
    noticedBy: "is denied where one of them may not, by the rules that withhold it",
  },
  {
    name: "a group of a summary may be smaller",
    patch: {
      file: "src/sql/summary.ts",
      find: "limit < minGroup",
      replace: "limit < 1",
    },
    suite: SUMMARIES,
    noticedBy: 'select count(*) from "order" having count(*) >= 4 does not count as having them',
  },
];
