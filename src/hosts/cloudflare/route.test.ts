import { describe, expect, it } from "vitest";
import { tenantOf, workflowOf } from "./route.ts";

const WORKFLOW = `wf_${"0".repeat(32)}`;
const CALLS = `/acme/v1/workflows/${WORKFLOW}/calls`;

function token(claims: object): string {
  return `e30.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.x`;
}

function headers(claims: object): Headers {
  return new Headers({ authorization: `DPoP ${token(claims)}` });
}

describe("a request goes", () => {
  it("to the session that its credential names, whatever its path says", () => {
    const other = `wf_${"1".repeat(32)}`;
    expect(workflowOf(CALLS, headers({ workflow: other }))).toBe(other);
    expect(workflowOf("/acme/mcp", headers({ workflow: WORKFLOW }))).toBe(WORKFLOW);
  });

  it("to the session of the call whose token a tool brings back", () => {
    const brought = new Headers({ "txn-token": token({ tctx: { workflow: WORKFLOW } }) });
    expect(workflowOf("/acme/access/v1/evaluation", brought)).toBe(WORKFLOW);
  });

  it.each([
    ["no credential", new Headers()],
    ["one that is no token", new Headers({ authorization: "DPoP nonsense" })],
    ["one with an invented name", headers({ workflow: "wf_1" })],
    ["one with a path for a name", headers({ workflow: `../${WORKFLOW}` })],
    ["a name that is no text", headers({ workflow: [WORKFLOW] })],
    ["repeated claims", new Headers({ authorization: "DPoP e30.eyJhIjoxLCJhIjoyfQ.x" })],
  ])("to the tenant with %s", (_, given) => {
    expect(workflowOf(CALLS, given)).toBeNull();
  });

  it("to the tenant for whatever is no workflow's own", () => {
    for (const path of ["/acme/oauth/token", "/acme/v1/workflows", "/acme/jwks"]) {
      expect(workflowOf(path, headers({ workflow: WORKFLOW }))).toBeNull();
    }
  });

  it("to the tenant that path or well-known document names", () => {
    expect(tenantOf("/acme/jwks")).toBe("acme");
    expect(tenantOf("/.well-known/oauth-protected-resource/acme/mcp")).toBe("acme");
    expect(tenantOf("/")).toBe("");
  });
});
