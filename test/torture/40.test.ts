import { connect } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Answer } from "../acceptance/support/http.ts";
import { nodeHost } from "../acceptance/support/node-host.ts";
import type { Workflow } from "../acceptance/support/workflow.ts";
import { startWorld, type World } from "../acceptance/support/world.ts";
import { checked } from "./checked.ts";

/** What draws on a terminal or hides in a line; a line feed ends one, and is all that may be there. */
// oxlint-disable-next-line no-control-regex -- these are the very characters
const CONTROLS = /[\0-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069]/;

/**
 * Torture 40: CR/LF in headers, `Mcp-Name` ≠ body, duplicate JSON keys, `__proto__`, confusable tool
 * names, ANSI and bidi in arguments → refused or inert; one log line an event.
 */
describe("torture 40: text that wants to be more than text", () => {
  const host = nodeHost();
  let world: World;
  let workflow: Workflow;
  beforeAll(async () => {
    world = await startWorld("laboratory", host);
    workflow = await world.acme.open(world.agent, "dana", { purpose: "lab" });
  });
  afterAll(async () => {
    await world?.[Symbol.asyncDispose]();
  });

  const ANSI = "\u001b[2J\u001b[31mALL CLEAR\u001b[0m\u0007\u0008";
  const BIDI = "\u202eevil\u202c \u2066hidden\u2069 \u200b\u200d\ufeff";
  const LINES = 'one\r\n{"event":"forged","level":"info"}\r\nX-Injected: yes\r\n\r\n';

  describe("CR and LF", () => {
    it.each([
      ["in a header value", "x-note: one\rtwo"],
      ["in a header value, as a bare line feed", "x-note: one\n two\nx-more: 1"],
      ["in a header name", "x-no\rte: one"],
      ["as a folded header", "x-note: one\r\n two"],
      ["as a null byte", "x-note: one\u0000two"],
    ])("%s never reach a route", async (_, line) => {
      const url = new URL(`${workflow.url}/calls`);
      const before = world.lab.arrivals.length;
      const authorised = await workflow.authorise("POST", url.href);
      const body = '{"tool":"lab_note","arguments":{"text":"x"}}';
      const head = [
        `POST ${url.pathname} HTTP/1.1`,
        `Host: ${url.host}`,
        `Authorization: ${authorised["authorization"]}`,
        `DPoP: ${authorised["dpop"]}`,
        "Content-Type: application/json",
        `Content-Length: ${body.length}`,
        "Connection: close",
        line,
      ];
      const answer = await raw(url, `${head.join("\r\n")}\r\n\r\n${body}`);
      expect(answer).toMatch(/^HTTP\/1\.1 400 /);
      expect(answer).not.toContain("lab_note");
      expect(world.lab.arrivals).toHaveLength(before);
    });

    it("in a path or query are bytes of a name that nobody has", async () => {
      for (const path of [
        "/calls/call_1%0d%0aSet-Cookie:%20a=b",
        "/calls/%0a%0a",
        "/events?after=1%0d%0a",
      ]) {
        const answer = await workflow.request("GET", path);
        expect([400, 404]).toContain(answer.status);
        expect(answer.headers.get("set-cookie")).toBeNull();
      }
    });

    it("in an argument arrive as an argument: no header, no second request", async () => {
      const outcome = await workflow.call("lab_note", { text: LINES });
      expect(outcome).toMatchObject({ outcome: "ok", result: { value: { text: LINES } } });
      const arrival = world.lab.arrivals.at(-1);
      expect(arrival?.query.get("text")).toBe(LINES);
      expect(arrival?.headers["x-injected"]).toBeUndefined();
      expect(world.lab.arrivals.filter(({ path }) => path !== "/note")).toEqual([]);
    });

    it("in an argument that goes into a path do not leave their segment", async () => {
      const before = world.lab.arrivals.length;
      for (const key of ["../../note", "a/b", "a%2fb", "a\r\nb", "..", "a?b=c", "a#b"]) {
        expect(await workflow.call("lab_script", { key })).toMatchObject({
          outcome: "failed",
          reason: { code: "invalid_arguments" },
        });
      }
      expect(world.lab.arrivals).toHaveLength(before);
    });
  });

  describe("an MCP header that differs from the body", () => {
    const speak = (
      headers: Record<string, string>,
      version: string,
      params: object = {},
    ): Promise<Answer> =>
      workflow.request(
        "POST",
        workflow.tenant.resource,
        {
          jsonrpc: "2.0",
          id: 1,
          method: "tools/call",
          params: { name: "lab_fortress", arguments: {}, ...params },
        },
        {
          headers: {
            accept: "application/json, text/event-stream",
            "mcp-protocol-version": version,
            ...headers,
          },
        },
      );
    const envelope = {
      _meta: {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
      },
    };

    it.each([
      "lab_note",
      "LAB_FORTRESS",
      "lab_fortress ",
      "lab_note, lab_fortress",
      "=?base64?bGFiX25vdGU=?=",
    ])("Mcp-Name: %s for a call of lab_fortress is refused in both eras", async (name) => {
      const modern = { "mcp-method": "tools/call", "mcp-name": name };
      const newer = await speak(modern, "2026-07-28", envelope);
      // A header's outer spaces are not part of it (RFC 9110 §5.5).
      const same = name.trim() === "lab_fortress";
      expect(newer.status).toBe(same ? 200 : 400);
      if (!same) expect(newer.body).toMatchObject({ error: { code: -32020 } });
      const older = await speak({ "mcp-name": name }, "2025-11-25");
      expect(older.status).toBe(same ? 200 : 400);
    });

    it("decides on the body where both agree", async () => {
      const named = { "mcp-method": "tools/call", "mcp-name": "lab_fortress" };
      const answer = await speak(named, "2026-07-28", envelope);
      expect(answer.status).toBe(200);
      expect(answer.text).toContain("nobody-enters-the-fortress");
    });
  });

  describe("JSON that two readers read differently", () => {
    it.each([
      '{"tool":"lab_fortress","tool":"lab_note","arguments":{"text":"x"}}',
      '{"tool":"lab_note","arguments":{"text":"x"},"arguments":{"text":"y"}}',
      '{"tool":"lab_note","arguments":{"text":"x","text":"y"}}',
      '{"tool":"lab_note","arguments":{"text":"x","\\u0074ext":"y"}}',
      '{"tool":"lab_note","arguments":{"text":"x","__proto__":{"isAdmin":true}}}',
      '{"tool":"lab_note","__proto__":{"tool":"lab_note"},"arguments":{"text":"x"}}',
      '{"tool":"lab_note","arguments":{"text":"x"}}{"tool":"lab_note"}',
      '\ufeff{"tool":"lab_note","arguments":{"text":"x"}}',
      '{"tool":"lab_note","arguments":{"text":"x"},}',
      '{"tool":"lab_note","arguments":{"text":NaN}}',
    ])("%s is refused before anybody acts on it", async (text) => {
      const before = world.lab.arrivals.length;
      const answer = await workflow.request("POST", "/calls", undefined, { raw: text });
      expect([answer.status, (answer.body as { code: string }).code]).toEqual([
        400,
        "malformed_json",
      ]);
      expect(world.lab.arrivals).toHaveLength(before);
    });

    it("constructor and prototype are ordinary names that no schema has", async () => {
      for (const key of ["constructor", "prototype", "toString", "hasOwnProperty"]) {
        const raw = `{"tool":"lab_note","arguments":{"text":"x","${key}":{"isAdmin":true}}}`;
        const answer = await workflow.request("POST", "/calls", undefined, { raw });
        expect(answer.body).toMatchObject({
          outcome: "failed",
          reason: { code: "invalid_arguments" },
        });
      }
      for (const tool of ["constructor", "__proto__", "toString", "hasOwnProperty"]) {
        expect(await workflow.call(tool)).toMatchObject({
          outcome: "policy_denied",
          reason: { code: "unknown_tool" },
        });
      }
    });
  });

  describe("a confusable tool name", () => {
    it.each([
      ["Cyrillic о", "lab_nоte"],
      ["full width", "ｌａｂ_ｎｏｔｅ"],
      ["zero width space", "lab_\u200bnote"],
      ["soft hyphen", "lab_no\u00adte"],
      ["right-to-left override", "\u202eeton_bal"],
      ["capital letters", "LAB_NOTE"],
      ["dotless i and long s", "lab_ſtatus"],
      ["spaces", " lab_note "],
      ["null byte", "lab_note\u0000"],
      ["a path", "../lab_note"],
      ["combining accent", "lab_note\u0301"],
      ["ANSI", `lab_note${ANSI}`],
    ])("(%s) is an unknown tool, whatever it looks like", async (_, tool) => {
      const before = world.lab.arrivals.length;
      const outcome = await workflow.call(tool, { text: "x" });
      expect(outcome).toMatchObject({
        outcome: "policy_denied",
        reason: { code: "unknown_tool", ruleIds: ["core:tool"] },
      });
      expect(world.lab.arrivals).toHaveLength(before);
      expect(await workflow.eventsOf(outcome.call)).toEqual([
        expect.objectContaining({ tool: null }),
      ]);
    });

    it("is not what its look-alike is: that one is served", async () => {
      expect((await workflow.call("lab_note", { text: "x" })).outcome).toBe("ok");
    });
  });

  describe("ANSI and bidirectional controls in arguments", () => {
    it.each([
      ["ANSI", ANSI],
      ["bidi", BIDI],
      ["line separators", "a\u2028b\u2029c\u0085d\u000be"],
      ["a log line", LINES],
    ])("(%s) arrive unchanged, and change nothing on the way", async (_, text) => {
      const read = await workflow.call("lab_note", { text });
      expect(read).toMatchObject({ outcome: "ok", result: { value: { text } } });
      const written = await workflow.call("lab_write", { text });
      expect(written).toMatchObject({ outcome: "ok", result: { value: { text } } });
    });

    it("are shown to a person as what they are, not obeyed", async () => {
      const { call } = await workflow.call("lab_write", { text: ANSI + BIDI });
      const shown = await host.command("call", "show", call, "--tenant", "acme");
      expect(shown.code).toBe(0);
      expect(shown.stdout).not.toMatch(CONTROLS);
      const named = await host.command("call", "show", `${call}${ANSI}`, "--tenant", "acme");
      expect(named.code).not.toBe(0);
      expect(named.stderr + named.stdout).not.toMatch(CONTROLS);
    });
  });

  it("leaves one line an event in every log, and not a byte of what was sent", async () => {
    for (const { name, stderr } of host.processes.values()) {
      expect(stderr, name).not.toMatch(CONTROLS);
      for (const line of stderr.split("\n").filter((text) => text !== "")) {
        const parsed = JSON.parse(line) as { event?: string };
        expect(parsed.event, line).toEqual(expect.any(String));
        expect(line).not.toMatch(/forged|ALL CLEAR|evil|isAdmin/);
      }
    }
    const events = await workflow.events();
    expect(JSON.stringify(events)).not.toMatch(/forged|ALL CLEAR|evil|isAdmin/);
    expect(events.every(({ event }, at) => event.seq === at)).toBe(true);
    checked("I6");
  });
});

/** Bytes as they are: no client would send these. */
function raw(url: URL, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(url.port), url.hostname, () => socket.write(text, "latin1"));
    let answer = "";
    socket.setTimeout(30_000, () => socket.destroy(new Error("no answer")));
    socket.on("data", (chunk) => (answer += chunk.toString()));
    socket.once("close", () => resolve(answer));
    socket.once("error", reject);
  });
}
