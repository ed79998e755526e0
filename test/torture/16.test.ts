import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { nodeHost } from "../acceptance/support/node-host.ts";
import { send } from "../acceptance/support/http.ts";
import { Workflow } from "../acceptance/support/workflow.ts";
import { startWorld, type World } from "../acceptance/support/world.ts";
import { checked, figure } from "./checked.ts";
import { type Door, DOORS, doorsOf } from "./doors.ts";
import {
  Attacker,
  brokenForgeries,
  type Forgery,
  type Genuine,
  resignedForgeries,
  unsignedForgeries,
} from "./hostile.ts";
import { effectsWereAllowed, nothingLeaked, recordVerifies } from "./invariants.ts";

/**
 * Torture 16: `alg: none`, key confusion, `jwk`/`jku`/`kid` injection → refused, for every kind of
 * token at every door it is shown at; and each kind of token at the doors of all others. The claims
 * are always those of a genuine, unused token, which is accepted after all its forgeries were not.
 * None of the published invalid vectors is accepted either: test/vectors/jose.test.ts.
 */
describe("torture 16: forged tokens", () => {
  const host = nodeHost();
  const opened: Workflow[] = [];
  let world: World;
  let attacker: Attacker;
  let server: Server;
  let asked = 0;
  let doors: readonly Door[] = [];
  beforeAll(async () => {
    server = createServer((_request, response) => {
      asked++;
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify(attacker.jwks));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    attacker = new Attacker(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    world = await startWorld("laboratory", host, { wired: true });
    doors = await doorsOf(world, await open("refund"), await open());
  });
  afterAll(async () => {
    server?.close();
    await world?.[Symbol.asyncDispose]();
  });

  function forgeriesOf(genuine: Genuine, carriesKey = false): readonly Forgery[] {
    return [
      ...unsignedForgeries(genuine),
      ...attacker.forgeries(genuine, carriesKey),
      ...brokenForgeries(genuine),
      ...resignedForgeries(genuine),
    ];
  }
  const open = async (purpose = "lab"): Promise<Workflow> => {
    const one = await world.acme.open(world.agent, "dana", { purpose });
    opened.push(one);
    return one;
  };

  it.each(DOORS)("%s: the genuine one is taken, and no forgery", async (name) => {
    const door = doors.find((one) => one.name === name)!;
    const genuine = await door.genuine();
    const forgeries = forgeriesOf(genuine, door.carriesKey).filter(
      ({ token }) => door.inHeader !== true || fitsAHeader(token),
    );
    for (const { name: forgery, token } of forgeries) {
      expect(await door.show(token), forgery).toMatch(new RegExp(`^${door.refused}`));
    }
    expect(await door.show(genuine.token)).toMatch(new RegExp(`^${door.accepted}`));
    figure("forgeries", forgeries.length);
  });

  it("no token is another kind of token", async () => {
    const tokens = await Promise.all(doors.map(async (door) => (await door.genuine()).token));
    const kind = (name: string): string => name.replace(/ (?:at|over|to|with) .*/, "");
    let shown = 0;
    for (const door of doors) {
      for (const [at, token] of tokens.entries()) {
        const other = doors[at]!;
        if (kind(other.name) === kind(door.name)) continue;
        expect(await door.show(token), `${other.name} as ${door.name}`).toMatch(
          new RegExp(`^${door.refused}`),
        );
        shown++;
      }
    }
    figure("shown elsewhere", shown);
  });

  describe("a call token", () => {
    it("is believed by the connector only as the gateway made it", async () => {
      const { wire, lab, acme } = world;
      const workflow = await open();
      const [publicJwk] = (
        (await send(`${acme.url}/jwks`)).body as { keys: Genuine["publicJwk"][] }
      ).keys;
      const genuineIn = (token: unknown): Genuine => ({
        ...{ token: String(token), publicJwk: publicJwk!, privateKey: null },
      });
      let count = 1;
      for (let n = 0; n < count; n++) {
        let name = "";
        const before = lab.arrivals.length;
        const outcome = await wire.holding(
          (frame) => {
            const forgeries = forgeriesOf(genuineIn(frame["token"]));
            count = forgeries.length;
            name = forgeries[n]!.name;
            return [{ ...frame, token: forgeries[n]!.token }];
          },
          () => workflow.call("lab_note", { text: "x" }),
        );
        expect(outcome, name).toMatchObject({ outcome: "failed" });
        expect(["token_refused", "connector_lost"], name).toContain(outcome.reason?.code);
        expect(lab.arrivals, name).toHaveLength(before);
        while (outcome.reason?.code === "connector_lost") {
          if (!(await host.away()).includes("internal")) break;
        }
      }
      expect(await workflow.call("lab_note", { text: "x" })).toMatchObject({ outcome: "ok" });
      figure("forgeries", count);
    });

    it("is exchanged for a seat only as the gateway made it, and no other token is", async () => {
      const { acme, worker, lab } = world;
      const workflow = await open();
      const asking = workflow.call("lab_ask", { key: "forged" });
      await lab.waiting("forged");
      const token = String(lab.arrivalsAt("/gate/forged")[0]?.headers["txn-token"]);
      const [publicJwk] = (
        (await send(`${acme.url}/jwks`)).body as { keys: Genuine["publicJwk"][] }
      ).keys;
      const forgeries = forgeriesOf({ token, publicJwk: publicJwk!, privateKey: null });
      for (const { name, token: forged } of forgeries) {
        const { status, body } = await acme.exchangeCall(worker, forged);
        expect([status, (body as { error: string }).error], name).toEqual([400, "invalid_request"]);
      }
      for (const door of doors) {
        expect(await door.show(token), `a call token as ${door.name}`).toMatch(
          new RegExp(`^${door.refused}`),
        );
        const genuine = (await door.genuine()).token;
        const { status } = await acme.exchangeCall(worker, genuine);
        expect(status, `${door.name} as a call token`).toBe(400);
      }
      const seat = Workflow.from(acme, worker, await acme.exchangeCall(worker, token));
      expect(await seat.call("lab_note", { text: "x" })).toMatchObject({ outcome: "ok" });
      lab.open("forged");
      expect(await asking).toMatchObject({ outcome: "ok" });
      figure("forgeries", forgeries.length);
    });
  });

  it("nobody asked where a header pointed to, nothing ran without its admission, nothing leaked", async () => {
    expect(asked).toBe(0);
    expect(doors.map(({ name }) => name)).toEqual(DOORS);
    await recordVerifies(host, opened);
    await effectsWereAllowed(world, opened);
    nothingLeaked(world);
    expect(world.host.history.map(({ alive }) => alive)).not.toContain(false);
    checked("I1", "I3", "I6", "I7");
  });
});

/** Others never reach us: HTTP itself refuses them. */
function fitsAHeader(token: string): boolean {
  return /^[\x21-\x7e]{1,12000}$/.test(token);
}
