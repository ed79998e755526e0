import { beforeAll, describe, expect, it } from "vitest";
import { send } from "../support/http.ts";
import type { Workflow } from "../support/workflow.ts";
import type { World } from "../support/world.ts";

/** Bad input, and what it gets: a problem document, and nothing recorded. */
export function inputCases(world: () => World): void {
  let workflow: Workflow;
  beforeAll(async () => {
    const { acme, agent } = world();
    workflow = await acme.open(agent, "dana", { purpose: "lab" });
  });
  const post = (
    raw: string | Uint8Array<ArrayBuffer>,
    headers: Record<string, string> = {},
  ): ReturnType<Workflow["request"]> =>
    workflow.request("POST", "/calls", undefined, { raw, headers });

  describe("a malformed call", () => {
    const call = (args: string): string => `{"tool":"lab_note","arguments":${args}}`;
    it.each([
      ["no JSON at all", "tool=lab_note", 400, "malformed_json"],
      ["half of it", '{"tool":"lab_note","arg', 400, "malformed_json"],
      ["nothing", "", 400, "malformed_json"],
      [
        "a repeated key",
        '{"tool":"lab_note","tool":"lab_write","arguments":{"text":"x"}}',
        400,
        "malformed_json",
      ],
      ["a repeated key in the arguments", call('{"text":"a","text":"b"}'), 400, "malformed_json"],
      ["the same key, escaped", call('{"text":"a","te\\u0078t":"b"}'), 400, "malformed_json"],
      ["__proto__", call('{"text":"a","__proto__":{"admin":true}}'), 400, "malformed_json"],
      [
        "__proto__, escaped",
        call('{"text":"a","\\u005f_proto__":{"admin":true}}'),
        400,
        "malformed_json",
      ],
      ["65 levels", call(`{"text":${"[".repeat(65)}${"]".repeat(65)}}`), 400, "malformed_json"],
      ["a number beyond any", call('{"text":1e400}'), 400, "malformed_json"],
      ["half a character", call('{"text":"\\ud800"}'), 400, "malformed_json"],
      ["a list", '["lab_note"]', 400, "invalid_request"],
      ["no tool", '{"arguments":{}}', 400, "invalid_request"],
      ["a tool that is a number", '{"tool":5,"arguments":{}}', 400, "invalid_request"],
      [
        "a member nobody knows",
        '{"tool":"lab_note","arguments":{"text":"x"},"mode":"unsafe"}',
        400,
        "invalid_request",
      ],
    ])("with %s", async (_, raw, status, code) => {
      const before = (await workflow.events()).length;
      const answer = await post(raw);
      expect(answer.status).toBe(status);
      expect(answer.headers.get("content-type")).toBe("application/problem+json");
      expect(answer.body).toMatchObject({ type: `urn:postern:problem:${code}`, status, code });
      expect((await workflow.events()).length).toBe(before);
    });

    it.each([
      ["a list", "[]"],
      ["a text", '"text"'],
      ["null", "null"],
      ["a wrong type", '{"text":{"deep":1}}'],
      ["a missing argument", "{}"],
      ["an argument nobody declared", '{"text":"x","constructor":{"prototype":1}}'],
    ])("is told where it is wrong when its arguments are %s", async (_, args) => {
      const answer = await post(call(args));
      expect(answer.status).toBe(200);
      expect(answer.body).toMatchObject({
        outcome: "failed",
        reason: { kind: "schema", code: "invalid_arguments" },
      });
    });

    it("with ten megabytes of arguments", async () => {
      const answer = await post(call(JSON.stringify({ text: "x".repeat(10 * 1_024 * 1_024) })));
      expect(answer.status).toBe(413);
      expect(answer.body).toMatchObject({ code: "body_too_large" });
      const chunked = await send(`${workflow.url}/calls`, {
        method: "POST",
        headers: {
          "content-type": "application/json",
          ...(await workflow.authorise("POST", `${workflow.url}/calls`)),
        },
        body: endless(10 * 1_024 * 1_024),
        duplex: "half",
      } as RequestInit);
      expect(chunked.status).toBe(413);
    });

    it("with arguments just over their limit, and just under", async () => {
      const over = await post(call(JSON.stringify({ text: "x".repeat(1_024 * 1_024) })));
      expect(over.body).toMatchObject({ outcome: "failed", reason: { code: "invalid_arguments" } });
      const fitting = await post(call(JSON.stringify({ text: "x".repeat(2_000) })));
      expect(fitting.body).toMatchObject({ outcome: "ok" });
    });

    it("of another content type", async () => {
      for (const type of [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/json-patch+json",
      ]) {
        const answer = await post(call('{"text":"x"}'), { "content-type": type });
        expect([answer.status, (answer.body as { code: string }).code]).toEqual([
          415,
          "unsupported_media_type",
        ]);
      }
      const good = await post(call('{"text":"x"}'), {
        "content-type": "application/json; charset=utf-8",
      });
      expect(good.status).toBe(200);
    });

    it("that is not valid UTF-8", async () => {
      const bytes = Buffer.concat([
        Buffer.from('{"tool":"lab_note","arguments":{"text":"'),
        Buffer.from([0xff, 0xfe]),
        Buffer.from('"}}'),
      ]);
      const answer = await post(new Uint8Array(bytes));
      expect([answer.status, (answer.body as { code: string }).code]).toEqual([
        400,
        "malformed_json",
      ]);
    });

    it("to a place that is not there", async () => {
      const { gateway } = world().host.urls;
      for (const path of [
        "/",
        "/acme",
        "/acme/v2/workflows",
        "/initech/oauth/token",
        "/acme/v1/workflows/x/y/z",
        "/%2e%2e/etc/passwd",
      ]) {
        const answer = await send(`${gateway}${path}`, { method: "POST" });
        expect([path, answer.status]).toEqual([path, 404]);
        expect(answer.body).toMatchObject({ code: "not_found" });
      }
      expect((await send(`${gateway}/healthz`)).body).toEqual({ status: "ok" });
    });

    it("that stops in the middle of its body does not disturb anybody else", async () => {
      const stuck = new AbortController();
      const url = `${workflow.url}/calls`;
      const headers = {
        "content-type": "application/json",
        "content-length": "1000",
        ...(await workflow.authorise("POST", url)),
      };
      const half = fetch(url, {
        method: "POST",
        headers,
        body: endless(100, true),
        duplex: "half",
        signal: stuck.signal,
      } as RequestInit).catch(() => null);
      expect((await workflow.call("lab_note", { text: "meanwhile" })).outcome).toBe("ok");
      stuck.abort();
      expect(await half).toBeNull();
    });
  });
}

/** So many bytes in pieces, without saying how many; `open` never ends. */
function endless(bytes: number, open = false): ReadableStream<Uint8Array> {
  let left = bytes;
  return new ReadableStream({
    pull(controller) {
      if (left <= 0) return open ? new Promise(() => undefined) : controller.close();
      controller.enqueue(new Uint8Array(Math.min(left, 65_536)).fill(0x20));
      left -= 65_536;
      return undefined;
    },
  });
}
