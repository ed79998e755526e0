import { beforeEach, describe, expect, it } from "vitest";
import { previewDigest, type Operation } from "../core/model/operation.ts";
import { fixedKeys, MemorySpentStore } from "../sdk/verify.ts";
import { testKey } from "../tunnel/testing.ts";
import type { ConnectorAnswer } from "../tunnel/protocol.ts";
import { sha256 } from "./allow.ts";
import type { Job } from "./end.ts";
import type { Execution } from "./executor.ts";
import { httpDestination, ISSUER, mint } from "./testing.ts";
import type { JournalEntry } from "./journal.ts";
import { serve, type Service } from "./serve.ts";

const NOW = 1_790_000_000_000;
const key = testKey();
const presenter = { connector: "con_1", session: "5e".repeat(16) };
const tickets = httpDestination({
  methods: new Set(["GET", "POST"]),
  paths: [["tickets"]],
});
const body = '{"title":"CANARY"}';
const operation: Operation = {
  http: {
    method: "POST",
    destination: "tickets",
    path: "/tickets",
    query: "",
    contentDigest: sha256(body),
  },
};
const done: ConnectorAnswer = {
  ok: true,
  status: 200,
  contentType: "text/plain",
  encoding: "utf8",
  body: "x",
  truncated: false,
};
const seal = { changes: "ab".repeat(32), etag: '"v1"', salt: "5a".repeat(16) };
const refused = { ok: false, code: "token_refused", effect: "none" };

let service: Service;
let executed: Execution[];
let journal: (JournalEntry | string)[];
let log: unknown[];
let raised: unknown[];
let xid: string | null;
let answer: () => Promise<ConnectorAnswer>;

beforeEach(() => {
  executed = [];
  journal = [];
  log = [];
  raised = [];
  xid = null;
  answer = () => Promise.resolve(done);
  const executor = {
    execute: async (execution: Execution) => {
      executed.push(execution);
      await execution.journal(xid);
      return answer();
    },
    close: () => Promise.resolve(),
  };
  service = {
    keys: fixedKeys({ keys: [key.jwk] }),
    issuer: ISSUER,
    audience: ISSUER,
    tenant: "acme",
    place: { network: "acme", tier: "internal" },
    destinations: new Map([["tickets", tickets]]),
    executors: new Map([["tickets", executor]]),
    journal: {
      taken: (call) => journal.push(`taken ${call}`),
      started: (entry) => {
        journal.push(entry);
        return Promise.resolve(true);
      },
      done: (call, effect) => journal.push(`${effect} ${call}`),
    },
    log: (level, event, fields) => log.push({ level, event, ...fields }),
  };
});

function job(
  token: string,
  change: Partial<Job["frame"]> = {},
  spent = new MemorySpentStore(),
): Job {
  return {
    frame: {
      t: "request",
      id: "0",
      token,
      operation,
      body,
      contentType: "application/json",
      idempotencyKey: null,
      preview: null,
      cap: 100,
      timeoutMs: 1_000,
      ...change,
    },
    presenter: `${presenter.connector}/${presenter.session}`,
    spent,
    now: () => NOW,
    epoch: () => 0,
    signal: new AbortController().signal,
    remainingMs: () => 1_000,
    raise: (signal, call) => raised.push([signal, call]),
  };
}

const another = { http: { ...operation.http, path: "/others" } };
const good = (): string => mint(key, operation, presenter, NOW);

describe("the path of one request", () => {
  it("verifies, journals the admission's hash, then executes under the token's principals", async () => {
    expect(await serve(service, job(good()))).toEqual(done);
    expect(journal).toEqual([
      "taken call_1",
      { call: "call_1", txn: "txn_1", record: "11".repeat(32) },
      "made call_1",
    ]);
    expect(executed).toMatchObject([
      {
        operation,
        body,
        contentType: "application/json",
        cap: 100,
        principals: { human: "a human", agent: "support-agent", workflow: "wf_1" },
      },
    ]);
    expect(log).toEqual([]);
  });

  it("spends a token once", async () => {
    const spent = new MemorySpentStore();
    const token = good();
    const answers = await Promise.all([
      serve(service, job(token, {}, spent)),
      serve(service, job(token, {}, spent)),
    ]);
    expect(answers).toContainEqual(done);
    // Of two copies either may come first: what the other did is not known where it is refused.
    expect(answers).toContainEqual({ ...refused, effect: "possible" });
    expect(executed).toHaveLength(1);
    const said = { level: "warn", event: "token_refused", code: "token_replayed", call: "call_1" };
    expect(log).toEqual([said]);
    expect(raised).toEqual([["token_replayed", "call_1"]]);
  });

  const other: Operation = {
    http: { ...("http" in operation ? operation.http : never()), path: "/admin" },
  };
  it.each([
    ["another operation", () => mint(key, other, presenter, NOW), "operation_mismatch"],
    [
      "another session",
      () => mint(key, operation, { ...presenter, session: "00" }, NOW),
      "presenter_mismatch",
    ],
    [
      "another connector",
      () => mint(key, operation, { ...presenter, connector: "con_2" }, NOW),
      "presenter_mismatch",
    ],
    [
      "another tenant",
      () => mint(key, operation, presenter, NOW, {}, { tenant: "other" }),
      "tenant_mismatch",
    ],
    [
      "a preview",
      () => mint(key, operation, presenter, NOW, {}, { mode: "preview" }),
      "preview_refused",
    ],
    [
      "an approved change, without that change",
      () => mint(key, operation, presenter, NOW, {}, { preview: "22".repeat(32) }),
      "preview_mismatch",
    ],
    [
      "another issuer",
      () => mint(key, operation, presenter, NOW, { iss: "http://evil" }),
      "issuer_mismatch",
    ],
    [
      "another domain",
      () => mint(key, operation, presenter, NOW, { aud: "http://evil" }),
      "audience_mismatch",
    ],
    ["yesterday", () => mint(key, operation, presenter, NOW - 86_400_000), "token_expired"],
    ["tomorrow", () => mint(key, operation, presenter, NOW + 86_400_000), "token_not_yet_valid"],
    [
      "a century",
      () => mint(key, operation, presenter, NOW, { exp: 2 ** 40 }),
      "token_life_too_long",
    ],
    ["another key", () => mint(testKey(), operation, presenter, NOW), "token_key_unknown"],
    ["a forged signature", () => `${good().slice(0, -8)}AAAAAAAA`, "token_signature_invalid"],
    ["nothing", () => "", "token_malformed"],
  ])("refuses a token for %s, before anything happens", async (_name, token, code) => {
    expect(await serve(service, job(token()))).toEqual(refused);
    expect(executed).toEqual([]);
    expect(journal).toEqual([]);
    expect(log).toMatchObject([{ level: "warn", event: "token_refused", code }]);
  });

  it.each([
    ["another session", () => mint(key, operation, { ...presenter, session: "x" }, NOW), true],
    ["another operation", () => mint(key, another, presenter, NOW), true],
    ["another tenant", () => mint(key, operation, presenter, NOW, {}, { tenant: "other" }), true],
    ["a preview", () => mint(key, operation, presenter, NOW, {}, { mode: "preview" }), true],
    ["yesterday", () => mint(key, operation, presenter, NOW - 86_400_000), false],
    ["another issuer", () => mint(key, operation, presenter, NOW, { iss: "http://evil" }), false],
    ["another key", () => mint(testKey(), another, presenter, NOW), false],
    ["a forged signature", () => `${good().slice(0, -8)}AAAAAAAA`, false],
  ])(
    "tells the gateway of a good token for %s, and of nothing that may be honest or a stranger's",
    async (_name, token, suspicious) => {
      expect(await serve(service, job(token()))).toEqual(refused);
      expect(raised).toEqual(suspicious ? [["context_mismatch", "call_1"]] : []);
    },
  );

  it("refuses a body that the operation does not cover", async () => {
    const swapped = job(good(), { body: '{"title":"other"}' });
    expect(await serve(service, swapped)).toMatchObject({
      code: "destination_not_found",
      effect: "none",
    });
    expect(executed).toEqual([]);
  });

  it("refuses what the local list does not name, whatever the gateway signed", async () => {
    for (const http of [
      { ...("http" in operation ? operation.http : never()), destination: "payroll" },
      { ...("http" in operation ? operation.http : never()), path: "/admin" },
      { ...("http" in operation ? operation.http : never()), method: "DELETE" },
    ]) {
      const signed = mint(key, { http }, presenter, NOW);
      const result = await serve(service, job(signed, { operation: { http } }));
      expect(result).toEqual({ ok: false, code: "destination_not_found", effect: "none" });
    }
    expect(executed).toEqual([]);
    expect(journal).toEqual([]);
    expect(log).toHaveLength(3);
    expect(JSON.stringify(log)).not.toContain("CANARY");
  });

  it("does nothing for a request that was cut while its token was verified", async () => {
    const aborted = { ...job(good()), signal: AbortSignal.abort() };
    expect(await serve(service, aborted)).toEqual({
      ok: false,
      code: "deadline_exceeded",
      effect: "none",
    });
    expect(journal).toEqual([]);
    expect(executed).toEqual([]);
  });

  it("journals the end of what may write only", async () => {
    answer = () => Promise.resolve({ ok: false, code: "upstream_rejected", effect: "none" });
    await serve(service, job(good()));
    expect(journal.at(-1)).toBe("none call_1");
    answer = () => Promise.resolve(done);
    const reading = { http: { ...operation.http, method: "GET", contentDigest: null } };
    const frame = { operation: reading, body: null, contentType: null };
    const token = mint(key, reading, presenter, NOW, { txn: "txn_2" });
    expect(await serve(service, job(token, frame))).toEqual(done);
    expect(journal.at(-1)).toBe("possible call_1");
  });

  it("answers also where an executor breaks, and logs none of it", async () => {
    answer = () => Promise.reject(new Error("CANARY"));
    expect(await serve(service, job(good()))).toEqual({
      ok: false,
      code: "internal_error",
      effect: "possible",
    });
    expect(log).toEqual([{ level: "error", event: "request_fault" }]);
    expect(journal.at(-1)).toBe("possible call_1");
  });

  it("hands on what was approved, under a token for exactly that", async () => {
    const preview = { changes: "ab".repeat(32), etag: '"v1"', salt: "5a".repeat(16) };
    const token = mint(
      key,
      operation,
      presenter,
      NOW,
      {},
      { preview: previewDigest(sha256, preview) },
    );
    const idempotencyKey = "call_1";
    expect(await serve(service, job(token, { preview, idempotencyKey }))).toEqual(done);
    expect(executed).toMatchObject([{ mode: "execute", preview, idempotencyKey }]);
  });

  it.each([
    ["without a seal", null, previewDigest(sha256, seal)],
    ["with a seal that nobody approved", seal, null],
    ["with another change", { ...seal, changes: "00".repeat(32) }, previewDigest(sha256, seal)],
    ["with another version", { ...seal, etag: null }, previewDigest(sha256, seal)],
  ])("refuses a frame %s", async (_name, preview, approved) => {
    const token = mint(key, operation, presenter, NOW, {}, { preview: approved });
    expect(await serve(service, job(token, { preview }))).toEqual(refused);
    expect(executed).toEqual([]);
    expect(journal).toEqual([]);
    expect(log).toMatchObject([{ event: "token_refused", code: "preview_mismatch" }]);
    expect(raised).toEqual([["context_mismatch", "call_1"]]);
  });

  it.each([
    ["a higher tier", { tier: "critical" }, "tier_mismatch"],
    ["a lower tier", { tier: "public" }, "tier_mismatch"],
    ["another network", { network: "office" }, "network_mismatch"],
  ] as const)("serves nothing of %s, whoever signed it", async (_name, place, code) => {
    const token = mint(key, operation, presenter, NOW, {}, place);
    expect(await serve(service, job(token))).toEqual(refused);
    expect(executed).toEqual([]);
    expect(journal).toEqual([]);
    expect(log).toEqual([{ level: "warn", event: "token_refused", code, call: "call_1" }]);
    expect(raised).toEqual([["context_mismatch", "call_1"]]);
  });

  it("forwards nothing that was admitted before a lock it has heard of", async () => {
    const token = (lock_epoch: number): string =>
      mint(key, operation, presenter, NOW, { txn: `txn_${lock_epoch}` }, { lock_epoch });
    const heard = { epoch: () => 7 };
    expect(await serve(service, { ...job(token(6)), ...heard })).toEqual(refused);
    expect(executed).toEqual([]);
    expect(journal).toEqual([]);
    expect(log).toMatchObject([{ event: "token_refused", code: "lock_epoch_passed" }]);
    expect(raised).toEqual([]);
    expect(await serve(service, { ...job(token(7)), ...heard })).toEqual(done);
    expect(await serve(service, { ...job(token(8)), ...heard })).toEqual(done);
  });

  it("looks at the epoch after the token was verified, not before", async () => {
    let epoch = 0;
    const slow = {
      ringFor: async (...of: Parameters<typeof service.keys.ringFor>) => {
        epoch = 1;
        return fixedKeys({ keys: [key.jwk] }).ringFor(...of);
      },
    };
    const late = { ...job(good()), epoch: () => epoch };
    expect(await serve({ ...service, keys: slow }, late)).toEqual(refused);
  });

  it("journals the number of the transaction that will decide", async () => {
    xid = "731";
    await serve(service, job(good()));
    const transaction = { destination: "tickets", xid: "731" };
    expect(journal[1]).toEqual({
      call: "call_1",
      txn: "txn_1",
      record: "11".repeat(32),
      transaction,
    });
  });

  it("logs a failure by its codes", async () => {
    answer = () =>
      Promise.resolve({ ok: false, code: "upstream_error", effect: "possible", status: 500 });
    await serve(service, job(good()));
    expect(log).toEqual([
      {
        level: "info",
        event: "request_failed",
        call: "call_1",
        txn: "txn_1",
        code: "upstream_error",
        effect: "possible",
      },
    ]);
  });
});

function never(): never {
  throw new Error("not reached");
}
