import { describe, expect, it } from "vitest";
import fc from "fast-check";
import { MAX_EXCHANGE_CHARS, parseOpenBody, parseTokenForm } from "./exchange.ts";
import { anyText } from "../core/model/testing-text.ts";

const RESOURCE = "https://postern.example/acme/mcp";
const DETAIL = { type: "dev.postern/workflow", purpose: "support-case" };
const FORM = {
  grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
  subject_token: "human.token.x",
  subject_token_type: "urn:ietf:params:oauth:token-type:id_token",
  client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
  client_assertion: "agent.assertion.x",
  resource: RESOURCE,
  authorization_details: JSON.stringify([DETAIL]),
};
const RENEW = {
  ...FORM,
  subject_token_type: "urn:ietf:params:oauth:token-type:access_token",
  authorization_details: "",
};

function body(over: { readonly [name: string]: string | null } = {}, base: object = FORM): string {
  const entries = Object.entries({ ...base, ...over }) as [string, string | null][];
  return new URLSearchParams(
    entries.filter((entry): entry is [string, string] => entry[1] !== null),
  ).toString();
}

function verdict(text: string): string {
  const result = parseTokenForm(text, RESOURCE, null);
  return result.ok ? result.exchange.kind : result.fault;
}

describe("the token exchange form", () => {
  it("opens a workflow", () => {
    expect(parseTokenForm(body(), RESOURCE, null)).toEqual({
      ok: true,
      exchange: {
        kind: "open",
        signedInBy: "idp",
        subjectToken: "human.token.x",
        clientAssertion: "agent.assertion.x",
        ask: { purpose: "support-case", inputs: {} },
      },
    });
  });

  it("carries everything a workflow may ask for", () => {
    const ask = {
      tools: ["customers_find"],
      limits: { calls: 5, cost: 100, tokens: 9, tools: { customers_find: 3, constructor: 0 } },
      lifeMs: 60_000,
      inputs: { case: "C-17", nested: { list: [1, null, true] } },
    };
    const result = parseTokenForm(
      body({ authorization_details: JSON.stringify([{ ...DETAIL, ...ask }]) }),
      RESOURCE,
      null,
    );
    expect(result).toMatchObject({
      ok: true,
      exchange: { ask: { purpose: "support-case", ...ask } },
    });
  });

  it("renews a seat", () => {
    expect(parseTokenForm(body({}, RENEW), RESOURCE, null)).toEqual({
      ok: true,
      exchange: {
        kind: "renew",
        subjectToken: "human.token.x",
        clientAssertion: "agent.assertion.x",
      },
    });
  });

  it.each([
    ["grant_type", "parameter_missing"],
    ["subject_token", "parameter_missing"],
    ["subject_token_type", "parameter_missing"],
    ["client_assertion", "parameter_missing"],
    ["client_assertion_type", "parameter_missing"],
    ["resource", "parameter_missing"],
    ["authorization_details", "parameter_missing"],
  ])("without %s, or with it empty, is refused", (name, fault) => {
    expect(verdict(body({ [name]: null }))).toBe(fault);
    expect(verdict(body({ [name]: "" }))).toBe(fault);
  });

  it.each(Object.keys(FORM))("with %s twice is refused, also when both are equal", (name) => {
    const again = new URLSearchParams({ [name]: FORM[name as keyof typeof FORM] });
    expect(verdict(`${body()}&${again.toString()}`)).toBe("parameter_repeated");
    expect(verdict(`${body()}&${name}=`)).toBe("parameter_repeated");
  });

  it.each([
    [{ grant_type: "authorization_code" }, "grant_type_unsupported"],
    [{ grant_type: "client_credentials" }, "grant_type_unsupported"],
    [{ subject_token_type: "urn:ietf:params:oauth:token-type:saml2" }, "token_type_unsupported"],
    [
      { client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:saml2-bearer" },
      "client_assertion_type_unsupported",
    ],
    [{ requested_token_type: "urn:ietf:params:oauth:token-type:jwt" }, "token_type_unsupported"],
    [{ actor_token: "x" }, "token_type_unsupported"],
    [{ resource: "https://postern.example/umbrella/mcp" }, "resource_mismatch"],
    [{ resource: `${RESOURCE}/` }, "resource_mismatch"],
    [{ authorization_details: "{" }, "details_malformed"],
    [{ authorization_details: '[{"type":"a","type":"b"}]' }, "details_malformed"],
    [{ authorization_details: '[{"__proto__":{}}]' }, "details_malformed"],
    [{ authorization_details: "[]" }, "details_invalid"],
    [{ authorization_details: JSON.stringify(DETAIL) }, "details_invalid"],
    [{ authorization_details: JSON.stringify([DETAIL, DETAIL]) }, "details_invalid"],
  ])("with %j is refused: %s", (over, fault) => {
    expect(verdict(body(over as { [name: string]: string }))).toBe(fault);
  });

  it.each([
    [{ type: "other" }],
    [{ purpose: "" }],
    [{ purpose: 7 }],
    [{ purpose: "p".repeat(129) }],
    [{ tools: [] }],
    [{ tools: "customers_find" }],
    [{ tools: Array.from({ length: 257 }, () => "a") }],
    [{ limits: { calls: -1 } }],
    [{ limits: { calls: 1.5 } }],
    [{ limits: { calls: 2 ** 53 } }],
    [{ limits: { tokens: -1 } }],
    [{ limits: { tokens: "many" } }],
    [{ limits: { tools: ["customers_find"] } }],
    [{ limits: { tools: { "Customers Find": 1 } } }],
    [{ limits: { tools: { customers_find: -1 } } }],
    [{ limits: { tools: { customers_find: 1.5 } } }],
    [{ limits: { tools: { customers_find: null } } }],
    [
      {
        limits: { tools: Object.fromEntries(Array.from({ length: 257 }, (_, n) => [`t${n}`, 1])) },
      },
    ],
    [{ limits: { seats: 1 } }],
    [{ lifeMs: 0 }],
    [{ inputs: [] }],
    [{ human: "eve" }],
    [{ agent: "ops-agent" }],
  ])("with a workflow of %j is refused", (over) => {
    const details = JSON.stringify([{ ...DETAIL, ...over }]);
    expect(verdict(body({ authorization_details: details }))).toBe("details_invalid");
  });

  it("for a renewal asks for nothing", () => {
    const details = JSON.stringify([{ ...DETAIL, tools: ["payroll_read"] }]);
    expect(verdict(body({ authorization_details: details }, RENEW))).toBe("details_invalid");
  });

  it("is read up to its cap and not one character further", () => {
    const pad = (size: number): string => {
      const start = `${body()}&pad=`;
      return start + "a".repeat(size - start.length);
    };
    expect(verdict(pad(MAX_EXCHANGE_CHARS))).toBe("open");
    expect(verdict(pad(MAX_EXCHANGE_CHARS + 1))).toBe("body_too_large");
    const many = Array.from({ length: 40 }, (_, at) => `p${at}=1`).join("&");
    expect(verdict(many)).toBe("body_malformed");
  });

  it("answers anything at all without throwing", () => {
    fc.assert(
      fc.property(anyText(), fc.string(), (text, details) => {
        parseTokenForm(text, RESOURCE, null);
        parseTokenForm(body({ authorization_details: details }), RESOURCE, null);
        parseOpenBody(text, null);
      }),
    );
  });
});

describe("a human whom Access names", () => {
  const shown = { subject_token: null, subject_token_type: null };
  const asserted = "access.assertion.x";

  it("needs no subject token: the header is one", () => {
    const opened = {
      ok: true,
      exchange: { kind: "open", signedInBy: "access", subjectToken: asserted },
    };
    expect(parseTokenForm(body(shown), RESOURCE, asserted)).toMatchObject(opened);
    const json = { client_assertion: "agent.assertion.x", purpose: "support-case" };
    expect(parseOpenBody(JSON.stringify(json), asserted)).toMatchObject(opened);
  });

  it("is the only one: a subject token beside it is a second human", () => {
    const refused = { ok: false, fault: "human_repeated" };
    expect(parseTokenForm(body(), RESOURCE, asserted)).toEqual(refused);
    const json = { subject_token: "", client_assertion: "x", purpose: "p" };
    expect(parseOpenBody(JSON.stringify(json), asserted)).toEqual(refused);
  });

  it("says nothing of a renewal, which is an agent's", () => {
    expect(parseTokenForm(body({}, RENEW), RESOURCE, asserted)).toMatchObject({
      ok: true,
      exchange: { kind: "renew", subjectToken: "human.token.x" },
    });
  });

  it.each([
    ["without a type, where nobody is named", shown, null],
    ["of a type, and nobody named", { subject_token: null }, asserted],
    ["named, without a type", { subject_token_type: null }, asserted],
  ])("is missing %s", (_, over, named) => {
    expect(parseTokenForm(body(over), RESOURCE, named)).toEqual({
      ok: false,
      fault: "parameter_missing",
    });
  });
});

describe("the JSON body of POST /v1/workflows", () => {
  const good = {
    subject_token: "human.token.x",
    client_assertion: "agent.assertion.x",
    purpose: "support-case",
  };

  it("is the same question", () => {
    expect(parseOpenBody(JSON.stringify({ ...good, limits: { calls: 5 } }), null)).toEqual({
      ok: true,
      exchange: {
        kind: "open",
        signedInBy: "idp",
        subjectToken: "human.token.x",
        clientAssertion: "agent.assertion.x",
        ask: { purpose: "support-case", limits: { calls: 5 }, inputs: {} },
      },
    });
  });

  it.each([
    ["no JSON", "{", "body_malformed"],
    ["a list", "[]", "body_malformed"],
    ["a key twice", '{"purpose":"a","purpose":"b"}', "body_malformed"],
    ["__proto__", '{"__proto__":{}}', "body_malformed"],
    ["no purpose", JSON.stringify({ ...good, purpose: undefined }), "details_invalid"],
    ["no token", JSON.stringify({ ...good, subject_token: "" }), "details_invalid"],
    ["another member", JSON.stringify({ ...good, tenant: "umbrella" }), "details_invalid"],
    [
      "too much",
      JSON.stringify({ ...good, inputs: { a: "a".repeat(MAX_EXCHANGE_CHARS) } }),
      "body_too_large",
    ],
  ])("with %s is refused", (_name, text, fault) => {
    expect(parseOpenBody(text, null)).toEqual({ ok: false, fault });
  });
});
