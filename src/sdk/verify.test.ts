import { beforeEach, describe, expect, it } from "vitest";
import { canonical } from "../core/model/json.ts";
import {
  BODY,
  claims,
  codeOf,
  freshOptions,
  HEADER,
  hex,
  ISSUER,
  key,
  NOW_S,
  operation,
  post,
  TARGET,
  token,
} from "./testing-call.ts";
import { forge, testKey } from "./testing.ts";
import {
  fixedKeys,
  MemorySpentStore,
  remoteKeys,
  VERIFY_CODES,
  verifyCall,
  type VerifyOptions,
} from "./verify.ts";

let options: VerifyOptions;
beforeEach(() => {
  options = freshOptions();
});

describe("verifyCall", () => {
  it("gives the three principals, the chain and the body", async () => {
    const result = await verifyCall(post(token()), options);
    expect(result).toMatchObject({
      ok: true,
      human: "human-1",
      agent: "worker",
      chain: ["worker", "planner"],
      workflow: "wf_1",
      tool: "tickets_reply",
      call: "call_1",
      txn: "txn_1",
      policyVersion: hex("bundle"),
      mode: "execute",
    });
    expect(result.ok && new TextDecoder().decode(result.body)).toBe(BODY);
  });

  it("accepts a token once", async () => {
    expect(codeOf(await verifyCall(post(token()), options))).toBe("ok");
    expect(codeOf(await verifyCall(post(token()), options))).toBe("token_replayed");
  });

  it("lets exactly one of many parallel copies through", async () => {
    const results = await Promise.all(
      Array.from({ length: 32 }, () => verifyCall(post(token()), options)),
    );
    expect(results.filter(({ ok }) => ok)).toHaveLength(1);
  });

  it("does not spend a token whose request is another operation", async () => {
    expect(codeOf(await verifyCall(post(token(), `${BODY} `), options))).toBe("operation_mismatch");
    expect(codeOf(await verifyCall(post(token()), options))).toBe("ok");
  });

  it.each([
    ["method", post(token(), BODY, TARGET, "PUT")],
    ["path", post(token(), BODY, TARGET.replace("/7", "/8"))],
    ["query", post(token(), BODY, TARGET.replace("yes", "no"))],
    ["order in the query", post(token(), BODY, `${TARGET}&a=1`)],
    ["body", post(token(), '{"text":"hellp"}')],
  ])("refuses another %s", async (_name, request) => {
    expect(codeOf(await verifyCall(request, options))).toBe("operation_mismatch");
  });

  it("refuses another destination", async () => {
    const result = await verifyCall(post(token()), { ...options, destination: "billing" });
    expect(codeOf(result)).toBe("operation_mismatch");
  });

  it("takes a form for a form, and JSON for JSON, as the token says", async () => {
    const form = "application/x-www-form-urlencoded";
    const digest = hex(
      canonical({
        http: {
          ...{ method: "POST", destination: "tickets", path: "/tickets/7", query: "urgent=yes" },
          ...{ contentDigest: hex(BODY), contentType: form },
        },
      }),
    );
    const asked = async (operation: string | null, type: string): Promise<unknown> => {
      const request = post(operation === null ? token() : token({}, { operation }));
      request.headers.set("content-type", type);
      return codeOf(await verifyCall(request, freshOptions()));
    };
    expect(await asked(digest, form)).toBe("ok");
    expect(await asked(digest, "Application/X-WWW-Form-Urlencoded; charset=utf-8")).toBe("ok");
    expect(await asked(digest, "application/json")).toBe("operation_mismatch");
    expect(await asked(null, "application/json")).toBe("ok");
    expect(await asked(null, form)).toBe("operation_mismatch");
  });

  describe("with headers that arguments set", () => {
    const covered = { "x-api-version": "2", cookie: "theme=dark" };
    const names = ["X-Api-Version", "cookie", "x-other"];

    function asked(headers: { readonly [name: string]: string }): Request {
      const request = post(token({}, { operation: operation(BODY, undefined, covered) }));
      for (const [name, value] of Object.entries(headers)) request.headers.set(name, value);
      return request;
    }

    it("accepts those that the token covers", async () => {
      const result = await verifyCall(asked(covered), { ...options, headers: names });
      expect(codeOf(result)).toBe("ok");
    });

    it.each([
      ["another value", { ...covered, "x-api-version": "3" }, names],
      ["one that is missing", { cookie: "theme=dark" }, names],
      ["one more", { ...covered, "x-other": "1" }, names],
      ["a second copy", { ...covered, "x-api-version": "2, 2" }, names],
      ["none expected", covered, []],
    ])("refuses %s", async (_name, headers, expected) => {
      const result = await verifyCall(asked(headers), { ...options, headers: expected });
      expect(codeOf(result)).toBe("operation_mismatch");
    });
  });

  it("takes a request without a body for what it is", async () => {
    const get = new Request("http://t/tickets/7?urgent=yes", {
      headers: {
        "Txn-Token": token(
          {},
          {
            operation: hex(
              canonical({
                http: {
                  method: "GET",
                  destination: "tickets",
                  path: "/tickets/7",
                  query: "urgent=yes",
                  contentDigest: null,
                },
              }),
            ),
          },
        ),
      },
    });
    expect(codeOf(await verifyCall(get, options))).toBe("ok");
  });

  it.each([
    ["issuer", { iss: "https://postern.example/umbrella" }, {}, "issuer_mismatch"],
    ["audience", { aud: "https://elsewhere.example" }, {}, "audience_mismatch"],
    ["list of audiences", { aud: [ISSUER] }, {}, "token_claims_invalid"],
    ["tenant", {}, { tenant: "umbrella" }, "tenant_mismatch"],
    ["tool", { scope: "tool:tickets_delete" }, {}, "tool_mismatch"],
    ["second scope", { scope: "tool:tickets_reply tool:x" }, {}, "token_claims_invalid"],
    ["mode", {}, { mode: "preview" }, "mode_mismatch"],
    ["unknown mode", {}, { mode: "both" }, "token_claims_invalid"],
    ["time", { iat: NOW_S + 3, exp: NOW_S + 18 }, {}, "token_not_yet_valid"],
    ["end", { iat: NOW_S - 17, exp: NOW_S - 2 }, {}, "token_expired"],
    ["life", { exp: NOW_S + 61 }, {}, "token_life_too_long"],
    ["life below zero", { exp: NOW_S }, {}, "token_life_too_long"],
    ["text for a time", { exp: `${NOW_S + 15}` }, {}, "token_claims_invalid"],
    ["fraction for a time", { exp: NOW_S + 15.5 }, {}, "token_claims_invalid"],
    ["missing txn", { txn: undefined }, {}, "token_claims_invalid"],
    ["empty human", { sub: "" }, {}, "token_claims_invalid"],
    ["actor without profile", { act: { sub: "worker" } }, {}, "token_claims_invalid"],
    ["missing record", {}, { record: undefined }, "token_claims_invalid"],
    ["digest in capitals", {}, { operation: operation().toUpperCase() }, "token_claims_invalid"],
    ["missing network", {}, { network: undefined }, "token_claims_invalid"],
    ["empty network", {}, { network: "" }, "token_claims_invalid"],
    ["missing tier", {}, { tier: undefined }, "token_claims_invalid"],
    ["tier that there is not", {}, { tier: "secret" }, "token_claims_invalid"],
    ["list of tiers", {}, { tier: ["internal", "critical"] }, "token_claims_invalid"],
    ["negative epoch", {}, { lock_epoch: -1 }, "token_claims_invalid"],
  ])("refuses a wrong %s", async (_name, over, context, code) => {
    expect(codeOf(await verifyCall(post(token(over, context)), options))).toBe(code);
  });

  it("accepts two seconds of skew on both sides and not a third", async () => {
    const edges = [
      [{ iat: NOW_S + 2, exp: NOW_S + 17, txn: "a" }, "ok"],
      [{ iat: NOW_S - 16, exp: NOW_S - 1, txn: "b" }, "ok"],
      [{ iat: NOW_S, exp: NOW_S + 60, txn: "c" }, "ok"],
      [{ iat: NOW_S - 17, exp: NOW_S - 2, txn: "d" }, "token_expired"],
    ] as const;
    for (const [over, code] of edges) {
      expect(codeOf(await verifyCall(post(token(over)), options))).toBe(code);
    }
  });

  it("remembers a token for as long as it could still be accepted", async () => {
    let now = NOW_S * 1_000;
    const aged = { ...options, now: () => now };
    expect(codeOf(await verifyCall(post(token()), aged))).toBe("ok");
    for (now = NOW_S * 1_000; now < (NOW_S + 30) * 1_000; now += 500) {
      expect(codeOf(await verifyCall(post(token()), aged))).not.toBe("ok");
    }
  });

  it("refuses a chain of seventeen agents", async () => {
    let act: object = { sub: "a", sub_profile: "ai_agent" };
    for (let hop = 0; hop < 15; hop++) act = { sub: "a", sub_profile: "ai_agent", act };
    expect(codeOf(await verifyCall(post(token({ act })), options))).toBe("ok");
    act = { sub: "a", sub_profile: "ai_agent", act };
    expect(codeOf(await verifyCall(post(token({ act, txn: "b" })), options))).toBe(
      "token_claims_invalid",
    );
  });

  it("checks the presenter and a shorter life where it is told to", async () => {
    const presented = await verifyCall(post(token()), { ...options, presenter: "con_2/session-1" });
    expect(codeOf(presented)).toBe("presenter_mismatch");
    const short = await verifyCall(post(token({ exp: NOW_S + 16 })), {
      ...options,
      maxLifeSeconds: 15,
    });
    expect(codeOf(short)).toBe("token_life_too_long");
  });

  it("says unavailable, not fresh, when single use cannot be remembered", async () => {
    const full = { ...options, spent: new MemorySpentStore(0) };
    expect(await verifyCall(post(token()), full)).toMatchObject({
      code: "spent_unavailable",
      status: 503,
    });
  });

  it("refuses a body past the cap, and one that somebody read before", async () => {
    const capped = await verifyCall(post(token()), { ...options, maxBodyBytes: BODY.length - 1 });
    expect(capped).toMatchObject({ code: "body_too_large", status: 413 });
    const exact = await verifyCall(post(token()), { ...options, maxBodyBytes: BODY.length });
    expect(codeOf(exact)).toBe("ok");
    const read = post(token({ txn: "txn_2" }));
    await read.text();
    expect(codeOf(await verifyCall(read, options))).toBe("body_unreadable");
  });

  it("reads no body for a token that is not good", async () => {
    const request = post(token({ iss: "x" }));
    await verifyCall(request, options);
    expect(request.bodyUsed).toBe(false);
  });

  it("wants exactly one token", async () => {
    expect(codeOf(await verifyCall(post(null), options))).toBe("token_missing");
    const twice = post(token());
    twice.headers.append("Txn-Token", token());
    expect(codeOf(await verifyCall(twice, options))).toBe("token_repeated");
  });

  it("says keys_unavailable when there is no usable key set", async () => {
    for (const jwks of [null, { keys: [] }, { keys: [{ ...key.privateJwk, alg: "EdDSA" }] }]) {
      const result = await verifyCall(post(token()), { ...options, keys: fixedKeys(jwks) });
      expect(codeOf(result)).toBe("keys_unavailable");
    }
  });

  it("accepts ES256 from a key of that kind", async () => {
    const ec = testKey("ES256", "ec");
    const good = forge({ ...HEADER, alg: "ES256", kid: "ec" }, claims(), ec);
    const result = await verifyCall(post(good), {
      ...options,
      keys: fixedKeys({ keys: [ec.jwk] }),
    });
    expect(codeOf(result)).toBe("ok");
  });
});

describe("remote keys", () => {
  it("come from the published set, and an unknown kid asks again at most every 30 s", async () => {
    let asked = 0;
    const fetcher = async (): Promise<Response> => {
      asked++;
      return Response.json({ keys: [key.jwk] });
    };
    const keys = remoteKeys("https://postern.example/acme/jwks", fetcher);
    expect(codeOf(await verifyCall(post(token()), { ...options, keys }))).toBe("ok");
    for (let time = 0; time < 10; time++) {
      const unknown = forge({ ...HEADER, kid: `k${time}` }, claims(), key);
      expect(codeOf(await verifyCall(post(unknown), { ...options, keys }))).toBe(
        "token_key_unknown",
      );
    }
    expect(asked).toBe(1);
  });

  it("fail closed", async () => {
    const keys = remoteKeys("https://postern.example/acme/jwks", () =>
      Promise.reject(new Error("down")),
    );
    expect(codeOf(await verifyCall(post(token()), { ...options, keys }))).toBe("keys_unavailable");
    expect(
      codeOf(await verifyCall(post(token()), { ...options, keys: remoteKeys("http://x/jwks") })),
    ).toBe("keys_unavailable");
  });
});

describe("codes of verifyCall", () => {
  it("are these, with these statuses", () => {
    expect(
      Object.fromEntries(Object.entries(VERIFY_CODES).map(([code, { status }]) => [code, status])),
    ).toEqual({
      token_missing: 401,
      token_repeated: 401,
      token_too_large: 401,
      token_malformed: 401,
      token_header_refused: 401,
      token_type_refused: 401,
      token_algorithm_refused: 401,
      token_key_unknown: 401,
      token_signature_invalid: 401,
      token_claims_invalid: 401,
      issuer_mismatch: 401,
      audience_mismatch: 401,
      tenant_mismatch: 401,
      tool_mismatch: 403,
      mode_mismatch: 403,
      presenter_mismatch: 403,
      operation_mismatch: 403,
      token_not_yet_valid: 401,
      token_expired: 401,
      token_life_too_long: 401,
      token_replayed: 401,
      spent_unavailable: 503,
      keys_unavailable: 503,
      body_too_large: 413,
      body_unreadable: 400,
      target_invalid: 400,
    });
  });
});
