import { describe, expect, it } from "vitest";
import { PosternError } from "../../sdk/error.ts";
import { forward } from "./upstream.ts";

const exchange = {
  method: "POST",
  headers: { "mcp-method": "ping" },
  body: "{}",
  signal: new AbortController().signal,
};

function workflow(answers: readonly number[], renewal: () => Promise<void> = async () => {}) {
  const sent: RequestInit[] = [];
  let renewals = 0;
  return {
    sent,
    renewals: () => renewals,
    mcpUrl: "https://gateway.example/acme/mcp",
    fetch: async (_url: string, init: RequestInit) => {
      sent.push(init);
      return new Response("{}", { status: answers[sent.length - 1] ?? 500 });
    },
    renew: () => {
      renewals++;
      return renewal();
    },
  };
}

describe("a forwarded request", () => {
  it("goes out once as it came when it is answered", async () => {
    const open = workflow([200]);
    expect((await forward(open, exchange)).status).toBe(200);
    expect(open.sent).toEqual([exchange]);
    expect(open.renewals()).toBe(0);
  });

  it("is sent once more under a renewed credential, and no third time", async () => {
    const once = workflow([401, 200]);
    expect((await forward(once, exchange)).status).toBe(200);
    const never = workflow([401, 401]);
    expect((await forward(never, exchange)).status).toBe(401);
    expect([never.sent.length, never.renewals()]).toEqual([2, 1]);
  });

  it("keeps the refusal when the workflow cannot be renewed", async () => {
    const ended = workflow([401], async () => {
      throw new PosternError("invalid_grant", 400, "ended");
    });
    expect((await forward(ended, exchange)).status).toBe(401);
    expect(ended.sent).toHaveLength(1);
  });

  it("is not sent again for any other status", async () => {
    for (const status of [400, 403, 429, 500, 503]) {
      const open = workflow([status, 200]);
      expect((await forward(open, exchange)).status).toBe(status);
    }
  });
});
