import { createHash } from "node:crypto";
import { canonical } from "../core/model/json.ts";
import { forge, testKey, type TestKey } from "./testing.ts";
import { fixedKeys, MemorySpentStore, type VerifyOptions, type VerifyResult } from "./verify.ts";

/** For tests: a call token of one gateway, the request it is for, and who checks it. */
export const NOW_S = 1_800_000_000;
export const key = testKey("EdDSA", "gateway-1");
export const HEADER = { typ: "txntoken+jwt", alg: "EdDSA", kid: "gateway-1" };
export const ISSUER = "https://postern.example/acme";
export const BODY = '{"text":"hello"}';
export const hex = (text: string): string => createHash("sha256").update(text).digest("hex");

export function operation(
  body: string | null = BODY,
  query = "urgent=yes",
  headers?: { readonly [name: string]: string },
): string {
  return hex(
    canonical({
      http: {
        method: "POST",
        destination: "tickets",
        path: "/tickets/7",
        query,
        contentDigest: body === null ? null : hex(body),
        ...(headers && { headers }),
      },
    }),
  );
}

export type Members = { readonly [name: string]: unknown };

export function claims(over: Members = {}, context: Members = {}): object {
  return {
    iss: ISSUER,
    aud: ISSUER,
    iat: NOW_S,
    exp: NOW_S + 15,
    txn: "txn_1",
    sub: "human-1",
    act: {
      sub: "worker",
      sub_profile: "ai_agent",
      act: { sub: "planner", sub_profile: "ai_agent" },
    },
    scope: "tool:tickets_reply",
    req_wl: "con_1/session-1",
    tctx: {
      tenant: "acme",
      workflow: "wf_1",
      call: "call_1",
      network: "acme",
      tier: "internal",
      policy_version: hex("bundle"),
      mode: "execute",
      operation: operation(),
      preview: null,
      record: hex("event"),
      lock_epoch: 3,
      ...context,
    },
    ...over,
  };
}

export function freshOptions(): VerifyOptions {
  return {
    keys: fixedKeys({ keys: [key.jwk] }),
    issuer: ISSUER,
    audience: ISSUER,
    tenant: "acme",
    tool: "tickets_reply",
    destination: "tickets",
    spent: new MemorySpentStore(),
    now: () => NOW_S * 1_000,
  };
}

export const TARGET = "http://tickets.internal/tickets/7?urgent=yes";

export function post(token: string | null, body = BODY, url = TARGET, method = "POST"): Request {
  const headers = new Headers(token === null ? {} : { "Txn-Token": token });
  return new Request(url, { method, headers, body });
}

export function token(over: Members = {}, context: Members = {}, by: TestKey = key): string {
  return forge(HEADER, claims(over, context), by);
}

export function codeOf(result: VerifyResult): string {
  return result.ok ? "ok" : result.code;
}
