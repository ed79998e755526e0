import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { send } from "../support/http.ts";
import { type Sink, sinksIn, tracesOf } from "../support/sinks.ts";
import type { World } from "../support/world.ts";

const ARGUMENT = "canary-argument-7f3a91c2";
const ROW = "canary-row-5be0d46e";
const REDACTED = "canary-redacted-91ad0f37";
const UPSTREAM_ERROR = "canary-upstream-c41d77aa";
const CHECKPOINT = "canary-checkpoint-20b8e6f5";
const INPUT = "canary-input-88d2f1b4";
const TOOL_NAME = "canary_tool_3c9e5a70";
/** Of Acme's database: what the case's customer pays with. */
const CARD = /\b(?:411111|424242|555555|510510|222300)\d{10}\b/;

/** P10: nothing sensitive in any sink. Runs last, over everything that the whole suite left behind. */
export function canaryCases(world: () => World): void {
  describe("canaries", () => {
    it("planted in arguments, rows, tokens and the checkpoint are in no log, event, error or unencrypted file", async () => {
      const { acme, globex, starter, agent, lab, host, services } = world();
      const workflow = await acme.open(agent, "dana", { purpose: "lab", inputs: { case: INPUT } });
      lab.script("canary", { text: ROW });
      lab.script("canary-broken", { text: { wrong: UPSTREAM_ERROR } });
      lab.script("canary-people", {
        people: [
          {
            name: ROW,
            rank: "basic",
            mail: REDACTED,
            home: { street: REDACTED, city: REDACTED },
            orders: [],
          },
        ],
        index: {},
      });
      const seen = [
        await workflow.call("lab_note", { text: ARGUMENT }),
        await workflow.call("lab_write", { text: ARGUMENT }),
        await workflow.call("lab_script", { key: "canary" }),
        await workflow.call("lab_people", { key: "canary-people" }),
      ];
      expect(JSON.stringify(seen)).toContain(ROW);
      expect(JSON.stringify(seen)).not.toContain(REDACTED);
      const errors = [
        await workflow.call("lab_script", { key: "canary-broken" }),
        await workflow.call("lab_note", { text: ARGUMENT, unheardOf: ARGUMENT }),
        await workflow.call(TOOL_NAME, { text: ARGUMENT }),
        await workflow.call("lab_execute", { text: ARGUMENT }),
        await workflow.request("POST", "/calls", { tool: "lab_note", [ARGUMENT]: 1 }),
        await workflow.request("POST", "/calls", undefined, { raw: `{"tool":"${ARGUMENT}"` }),
        await workflow.request("GET", `/calls/${ARGUMENT}`),
        await send(`${acme.url}/oauth/token`, {
          method: "POST",
          body: new URLSearchParams({ subject_token: ARGUMENT }),
        }),
      ];
      await workflow.request("PUT", "/checkpoint", { secret: CHECKPOINT });
      expect((await workflow.request("GET", "/checkpoint")).text).toContain(CHECKPOINT);

      const callTokens = lab.arrivals.map(({ headers }) => String(headers["txn-token"] ?? ""));
      const given = [acme, globex, starter].flatMap(({ tokens: held }) => held);
      const tokens = [...given, ...callTokens].filter((token) => token.length > 40);
      expect(tokens.length).toBeGreaterThan(200);
      const canaries = [
        ARGUMENT,
        ROW,
        REDACTED,
        UPSTREAM_ERROR,
        CHECKPOINT,
        INPUT,
        TOOL_NAME,
        ...signatures(tokens),
      ];
      const sinks: Sink[] = [
        ...sinksIn(host.folders),
        ...[...host.history, ...services.values()].map(({ name, output }) => ({
          name: `output of ${name}`,
          bytes: Buffer.from(output),
        })),
        { name: "events", bytes: Buffer.from(JSON.stringify(await workflow.events())) },
        {
          name: "errors",
          bytes: Buffer.from(JSON.stringify(errors.map((one) => ("text" in one ? one.text : one)))),
        },
      ];
      expect(sinks.map(({ name }) => name)).toEqual(
        expect.arrayContaining([
          expect.stringMatching(/postern\.db$/),
          expect.stringMatching(/postern\.db-wal$/),
          "output of gateway",
        ]),
      );
      expect(tracesOf(canaries, sinks)).toEqual([]);
      for (const { name, bytes } of sinks)
        expect(CARD.test(bytes.toString("latin1")), name).toBe(false);
    });

    it("are found by the same search where somebody does log them", () => {
      const { leak, lab } = world();
      // Tickets writes its last request to a file, on purpose.
      const leaked = readFileSync(String(leak));
      const { headers } = JSON.parse(leaked.toString()) as { headers: { "txn-token": string } };
      const sink = { name: "debug file of tickets", bytes: leaked };
      expect(tracesOf(signatures([headers["txn-token"]]), [sink])).toHaveLength(1);
      const log = { name: "a log", bytes: Buffer.from(`{"event":"call","text":"${ARGUMENT}"}`) };
      const encoded = {
        name: "a dump",
        bytes: Buffer.from(Buffer.from(`..${ARGUMENT}..`).toString("base64")),
      };
      expect(
        tracesOf([ARGUMENT], [log, encoded, { name: "clean", bytes: Buffer.from("nothing") }]),
      ).toEqual([`${ARGUMENT.slice(0, 16)}… in a log`, `${ARGUMENT.slice(0, 16)}… in a dump`]);
      expect(lab.arrivals.length).toBeGreaterThan(0);
    });
  });
}

/** The part of a token that makes it valid; its claims may be told. */
function signatures(tokens: readonly string[]): string[] {
  return tokens
    .map((token) => token.split(".")[2] ?? "")
    .filter((signature) => signature.length > 40);
}
