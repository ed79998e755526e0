import { sign } from "node:crypto";
import {
  CALL_TOKEN_TYPE,
  presenterOf,
  toolScope,
  type CallContext,
  type CallTokenClaims,
} from "../core/model/claims.ts";
import { operationDigest, type Operation } from "../core/model/operation.ts";
import type { TestKey } from "../tunnel/testing.ts";
import { sha256 } from "./allow.ts";
import type { HttpDestination } from "./config.ts";
import type { Execution } from "./executor.ts";
import { Reach } from "./lookup.ts";
import { publicTls } from "./tls.ts";

export function httpDestination(change: Partial<HttpDestination>): HttpDestination {
  return {
    kind: "http",
    origin: "http://127.0.0.1:1",
    methods: new Set(),
    paths: [],
    headers: new Map(),
    requestHeaders: new Set(),
    reach: new Reach(),
    tls: publicTls,
    limits: { concurrency: 64, queue: 64 },
    ...change,
  };
}

/** A verified, allowed, journalled request that has ten seconds. */
export function httpExecution(method = "GET", change: Partial<Execution> = {}): Execution {
  return {
    operation: {
      http: { method, destination: "x", path: "/tickets/1", query: "a=%20b", contentDigest: null },
    },
    body: null,
    contentType: null,
    idempotencyKey: null,
    mode: "execute",
    preview: null,
    token: "the-token",
    principals: { human: "h", agent: "a", workflow: "w" },
    tool: "tool:t",
    cap: 1_000,
    remainingMs: () => 10_000,
    signal: new AbortController().signal,
    journal: () => Promise.resolve(true),
    ...change,
  };
}

export const ISSUER = "http://127.0.0.1:8080/acme";

/** A call token as the gateway mints it; a test says what should be wrong with it. */
export function mint(
  key: TestKey,
  operation: Operation,
  presenter: { readonly connector: string; readonly session: string },
  now: number,
  change: Partial<CallTokenClaims> = {},
  context: Partial<CallContext> = {},
): string {
  const iat = Math.floor(now / 1_000);
  const claims: CallTokenClaims = {
    iss: ISSUER,
    aud: ISSUER,
    iat,
    exp: iat + 15,
    txn: "txn_1",
    sub: "a human",
    act: { sub: "support-agent", sub_profile: "ai_agent" },
    scope: toolScope("tickets_open"),
    req_wl: presenterOf(presenter.connector, presenter.session),
    tctx: {
      tenant: "acme",
      workflow: "wf_1",
      call: "call_1",
      network: "acme",
      tier: "internal",
      policy_version: "00".repeat(32),
      mode: "execute",
      operation: operationDigest(sha256, operation),
      preview: null,
      record: "11".repeat(32),
      lock_epoch: 0,
      ...context,
    },
    ...change,
  };
  const header = { typ: CALL_TOKEN_TYPE, alg: "EdDSA", kid: key.jwk.kid };
  const input = [header, claims]
    .map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"))
    .join(".");
  return `${input}.${sign(null, Buffer.from(input), key.privateKey).toString("base64url")}`;
}
