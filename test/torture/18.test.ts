import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Answer, send } from "../acceptance/support/http.ts";
import type { Agent } from "../acceptance/support/keys.ts";
import { base64url, payloadOf } from "../acceptance/support/keys.ts";
import { nodeHost } from "../acceptance/support/node-host.ts";
import type { OAuthRefusal, SeatWish } from "../acceptance/support/tenant.ts";
import { type StoredEvent, Workflow } from "../acceptance/support/workflow.ts";
import { startWorld, type World } from "../acceptance/support/world.ts";
import { fixedKeys, MemorySpentStore, verifyCall } from "../../src/sdk/verify.ts";
import { Random } from "../crash/random.ts";
import { checked, figure, SEED } from "./checked.ts";
import { budgetsHold, effectsWereAllowed, recordVerifies } from "./invariants.ts";

const TOKEN_TYPE = "urn:ietf:params:oauth:token-type:";
const RANDOM_SEATS = 40;
/** Of a seat whose end is waited for; more where a machine is so slow that it would end unused. */
const SHORT_LIFE_MS = 2_000;
const CHAIN = ["worker-agent", "helper-agent", "support-agent"];

interface Act {
  readonly sub: string;
  readonly act?: Act;
}

/** Torture 18: delegation hop removed, reordered or widened → denied. */
describe("torture 18: a delegation that is more than was given", { timeout: 60_000 }, () => {
  const host = nodeHost();
  const random = new Random(SEED);
  const opened: Workflow[] = [];
  let world: World;
  /** support-agent → helper-agent → worker-agent, each with less. */
  let root: Workflow;
  let middle: Workflow;
  let last: Workflow;
  beforeAll(async () => {
    world = await startWorld("laboratory", host, { wired: true });
    const { acme, helper, worker } = world;
    root = await open();
    middle = await acme.seat(root, helper, {
      tools: ["lab_note", "lab_gate"],
      limits: { calls: 20 },
    });
    last = await acme.seat(middle, worker, { tools: ["lab_note"], limits: { calls: 9 } });
  });
  afterAll(async () => {
    await world?.[Symbol.asyncDispose]();
  });

  async function open(): Promise<Workflow> {
    const one = await world.acme.open(world.agent, "dana", { purpose: "lab" });
    opened.push(one);
    return one;
  }
  const note = (one: Workflow): Promise<unknown> => one.call("lab_note", { text: "x" });
  const refusal = async (
    giver: Workflow,
    taker: Agent,
    ask: SeatWish = {},
    form: { readonly [parameter: string]: string } = {},
  ): Promise<string> => {
    const { status, body } = await world.acme.delegate(giver, taker, ask, form);
    const { error, outcome } = body as OAuthRefusal;
    const { reason } = (outcome ?? {}) as { readonly reason?: { readonly ruleIds: string[] } };
    return [status, error ?? "", ...(reason?.ruleIds ?? [])].join(" ").trim();
  };

  describe("the chain in a call token", () => {
    const tampered: { readonly [name: string]: (act: Act) => unknown } = {
      "without the agent that acts": (act) => act.act,
      "without the one in the middle": (act) => ({ ...act, act: act.act?.act }),
      "without the one that the human started": (act) => ({
        ...act,
        act: { ...act.act, act: undefined },
      }),
      "without anybody behind": (act) => ({ ...act, act: undefined }),
      "in another order": (act) => ({
        ...act.act?.act,
        act: { ...act.act, act: { ...act, act: undefined } },
      }),
      "with one hop more": (act) => ({ sub: "root", sub_profile: "ai_agent", act }),
      "with the agent twice": (act) => ({ ...act, act }),
      "with another name": (act) => ({ ...act, sub: "support-agent" }),
      "with another name behind": (act) => ({ ...act, act: { ...act.act, sub: "auditor" } }),
      "as a list": (act) => [act],
      "as nothing": () => undefined,
    };
    const rewritten = (token: string, change: (act: Act) => unknown): string => {
      const [head, , signature] = token.split(".");
      const claims = payloadOf(token);
      return `${head}.${base64url({ ...claims, act: change(claims["act"] as Act) })}.${signature}`;
    };

    it("is what the gateway signed, or the connector does nothing", async () => {
      const { wire, lab } = world;
      for (const [name, change] of Object.entries(tampered)) {
        const one = await world.acme.seat(middle, world.worker, { tools: ["lab_note"] });
        const before = lab.arrivals.length;
        const outcome = await wire.holding(
          (frame) => [{ ...frame, token: rewritten(String(frame["token"]), change) }],
          () => one.call("lab_note", { text: "x" }),
        );
        expect(outcome, name).toMatchObject({
          outcome: "failed",
          reason: { code: "token_refused" },
        });
        expect(lab.arrivals, name).toHaveLength(before);
      }
      expect(await note(last)).toMatchObject({ outcome: "ok" });
    });

    it("is what a tool is told by its own check, and nothing else", async () => {
      const { acme, lab } = world;
      expect(await note(last)).toMatchObject({ outcome: "ok" });
      const { headers, path, query } = lab.arrivals.at(-1)!;
      const token = String(headers["txn-token"]);
      const keys = fixedKeys((await send(`${acme.url}/jwks`)).body as never);
      const spent = new MemorySpentStore();
      const check = (shown: string) =>
        verifyCall(
          new Request(`http://lab${path}?${query.toString()}`, { headers: { "Txn-Token": shown } }),
          {
            ...{ keys, spent, issuer: acme.url, audience: acme.url },
            ...{ tenant: "acme", tool: "lab_note", destination: "lab" },
          },
        );
      for (const [name, change] of Object.entries(tampered)) {
        expect(await check(rewritten(token, change)), name).toMatchObject({
          ok: false,
          status: 401,
        });
      }
      expect(await check(token)).toMatchObject({ ok: true, agent: "worker-agent", chain: CHAIN });
    });
  });

  describe("a credential", () => {
    it("is for its own seat, in its own agent's hands", async () => {
      const claims = payloadOf(last.credential);
      const [head, , signature] = last.credential.split(".");
      for (const change of [
        ...[{ seat: root.seat }, { seat: middle.seat }, { client_id: "support-agent" }],
        ...[{ workflow: (await open()).id }, { act: { sub: "support-agent" } }, { exp: 2 ** 40 }],
        { cnf: { jkt: await world.agent.thumbprint() }, seat: root.seat },
      ]) {
        const credential = `${head}.${base64url({ ...claims, ...change })}.${signature}`;
        const answer = await last.request("GET", "", undefined, { credential });
        expect(answer.status, JSON.stringify(change)).toBe(401);
      }
      // Somebody above is somebody else: their credential is no use to who only knows it.
      for (const above of [root, middle]) {
        const answer = await last.request("GET", "", undefined, { credential: above.credential });
        expect(answer.status).toBe(401);
      }
      expect((await last.request("GET", "")).status).toBe(200);
    });

    it.each(["seat", "agent", "chain", "act", "parent", "delegate"])(
      "is not overruled by a member %s of the request, or by a header",
      async (name) => {
        const body = { tool: "lab_note", arguments: { text: "x" }, [name]: root.seat };
        expect((await last.request("POST", "/calls", body)).status).toBe(400);
        const { [name]: _, ...plain } = body;
        const headers = { [`x-${name}`]: root.seat, [`postern-${name}`]: root.seat };
        const answer = await middle.request("POST", "/calls", plain, { headers });
        const [admitted] = await root.eventsOf((answer.body as { call: string }).call);
        expect(admitted).toMatchObject({ seat: middle.seat, chain: CHAIN.slice(1) });
      },
    );

    it("is renewed by its own agent and key, as it was: never as the one above", async () => {
      const { acme, agent, helper, worker } = world;
      const renew = async (who: Agent, one: Workflow, more: object = {}): Promise<number> => {
        const form = { subject_token_type: `${TOKEN_TYPE}access_token`, ...more };
        return (await acme.exchange(who, one.credential, null, { form })).status;
      };
      for (const [who, one] of [
        ...[[worker, middle] as const, [worker, root] as const, [helper, root] as const],
        ...[[helper, last] as const, [agent, last] as const, [agent, middle] as const],
      ]) {
        expect(await renew(who, one)).toBe(400);
      }
      const assertion = await agent.assertion(acme.tokenEndpoint);
      expect(await renew(worker, last, { client_assertion: assertion })).toBe(400);
      const wish = JSON.stringify([{ type: "dev.postern/seat", tools: ["lab_write"] }]);
      expect(await renew(worker, last, { authorization_details: wish })).toBe(400);
      const form = { subject_token_type: `${TOKEN_TYPE}access_token` };
      const { status, body } = await acme.exchange(worker, last.credential, null, { form });
      expect(status).toBe(200);
      const [detail] = (
        body as { authorization_details: readonly { seat: string; tools: string[] }[] }
      ).authorization_details;
      expect(detail).toMatchObject({ seat: last.seat, tools: ["lab_note"] });
    });
  });

  describe("a seat", () => {
    it("is given by its own holder to who asks for it: no hop can be put in, taken out or turned round", async () => {
      const { acme, agent, helper, worker, stranger } = world;
      const at = acme.tokenEndpoint;
      const invalid = "400 invalid_request";
      // The giver's credential in another hand.
      const stolen = { client_assertion: await helper.assertion(at) };
      expect(await refusal(root, worker, {}, stolen)).toBe(invalid);
      // The taker's word, given by somebody else, for something else, or taken for something else.
      const named = { iss: "worker-agent", sub: "worker-agent" };
      for (const actor_token of [
        ...[
          await helper.actorToken(at, root.id, named),
          await stranger.actorToken(at, root.id, named),
        ],
        ...[await worker.actorToken(at, (await open()).id), await worker.assertion(at)],
        ...[await acme.signIn("dana"), last.credential, root.credential],
      ]) {
        expect(await refusal(root, worker, {}, { actor_token })).toBe(invalid);
      }
      const swapped = {
        subject_token: await worker.actorToken(at, root.id),
        actor_token: root.credential,
      };
      expect(await refusal(root, worker, {}, swapped)).toBe(invalid);
      // From below to above, and to oneself.
      expect(await refusal(last, agent)).toBe("400 access_denied core:cycle");
      expect(await refusal(last, helper)).toBe("400 access_denied core:cycle");
      expect(await refusal(middle, agent)).toBe("400 access_denied core:cycle");
      expect(await refusal(root, agent)).toBe("400 access_denied core:cycle");
      expect(await refusal(root, worker)).toBe("200");
    });

    it.each<[string, SeatWish, string]>([
      ["a tool that the giver has not", { tools: ["lab_gate"] }, "default:delegation"],
      ["a tool that the root has", { tools: ["lab_note", "lab_write"] }, "default:delegation"],
      ["a tool that nobody has", { tools: ["lab_nothing"] }, "default:delegation"],
      ["a name that only looks like it", { tools: ["lab_note "] }, "default:delegation"],
    ])("never has %s", async (_, ask, rule) => {
      const { acme, worker } = world;
      const narrow = await acme.seat(root, world.helper, { tools: ["lab_note"] });
      expect(await refusal(narrow, worker, ask)).toBe(`400 access_denied ${rule}`);
      expect(await refusal(narrow, worker, { tools: ["lab_note"] })).toBe("200");
    });

    it.each<[string, object]>([
      ["negative limits", { limits: { calls: -1 } }],
      ["broken limits", { limits: { calls: 1.5 } }],
      ["limits beyond counting", { limits: { calls: 2 ** 53 } }],
      ["unheard-of limits", { limits: { calls: 1, admin: 1 } }],
      ["no life", { lifeMs: 0 }],
      ["a life backwards", { lifeMs: -1 }],
      ["no tools", { tools: [] }],
      ["a parent", { parent: "seat_0" }],
      ["an agent", { agent: "support-agent" }],
    ])("is not asked for with %s", async (_, ask) => {
      expect(await refusal(middle, world.worker, ask as SeatWish)).toBe(
        "400 invalid_authorization_details",
      );
    });

    it("shrinks, whoever asks for whatever", async () => {
      const { acme, helper, worker } = world;
      const parent = await open();
      let denied = 0;
      let granted = 0;
      for (let n = 0; n < RANDOM_SEATS; n++) {
        const above = await acme.seat(parent, helper, wish()).catch(() => null);
        if (above === null) denied++;
        else granted++;
        const below = above && (await acme.seat(above, worker, wish()).catch(() => null));
        if (below !== null) granted++;
      }
      figure("seats", granted);
      figure("refused", denied);
      expect(granted).toBeGreaterThan(0);
      shrinks(await parent.events());
    });

    it("ends with the one it was given by", async () => {
      const { acme, helper, worker } = world;
      const parent = await open();
      const called = (one: Workflow): Promise<Answer> =>
        one.request("POST", "/calls", { tool: "lab_note", arguments: { text: "x" } });
      let [short, below]: Workflow[] = [];
      for (let lifeMs = SHORT_LIFE_MS; ; lifeMs *= 2) {
        const began = performance.now();
        short = await acme.seat(parent, helper, { lifeMs });
        const taken = await acme.delegate(short, worker, { lifeMs: 3_600_000 });
        below = taken.status === 200 ? Workflow.from(acme, worker, taken) : undefined;
        const answer = below && (await called(below));
        // On a machine that lets us wait for longer than it lives, another one has to live longer.
        if (performance.now() - began > lifeMs) continue;
        expect(answer?.body).toMatchObject({ outcome: "ok" });
        break;
      }
      for (const one of [short, below!]) {
        let answer = await called(one);
        for (; answer.status === 200; await sleep(50)) answer = await called(one);
        expect(answer.status).toBe(401);
        const form = { subject_token_type: `${TOKEN_TYPE}access_token` };
        const who = one === short ? helper : worker;
        const renewed = await acme.exchange(who, one.credential, null, { form });
        expect(renewed).toMatchObject({ status: 400, body: { error: "invalid_grant" } });
      }
      expect(await note(parent)).toMatchObject({ outcome: "ok" });
    });
  });

  function wish(): SeatWish {
    const tools = ["lab_note", "lab_gate", "lab_write", "lab_status", "lab_vault"];
    return {
      ...(random.next() < 0.7 && {
        tools: tools.filter(() => random.next() < 0.4).concat("lab_note"),
      }),
      ...(random.next() < 0.7 && { limits: { calls: random.integer(0, 200_000) } }),
      ...(random.next() < 0.7 && { lifeMs: random.integer(1, 10_000_000) }),
    };
  }

  it("stands in the record as it was given, and is charged to everybody behind it", async () => {
    const events = await recordVerifies(host, opened);
    shrinks(events);
    await budgetsHold(opened);
    await effectsWereAllowed(world, opened);
    for (const { headers } of world.lab.arrivals) {
      const { act, tctx } = payloadOf(String(headers["txn-token"])) as unknown as {
        readonly act: Act;
        readonly tctx: { readonly call: string };
      };
      const admitted = events.find(({ event }) => event["call"] === tctx.call);
      expect(admitted?.event["chain"]).toEqual(namesOf(act));
    }
    checked("I1", "I3", "I4", "I7");
  });
});

function namesOf({ sub, act }: Act): string[] {
  return [sub, ...(act === undefined ? [] : namesOf(act))];
}

/** Of each seat in the record: no tool, no limit and no time that the one above has not. */
function shrinks(events: readonly StoredEvent[]): void {
  interface Given {
    readonly tools: readonly string[];
    readonly limits: { readonly [counter: string]: number };
    readonly expiresAt: number;
    readonly chain: readonly string[];
    readonly agent: string;
  }
  const seats = new Map<unknown, Given>();
  for (const { event } of events) {
    if (event.type !== "workflow.opened" && event.type !== "seat.granted") continue;
    const seat = event as unknown as Given;
    const own = event.type === "workflow.opened" ? [seat.agent] : seat.chain;
    seats.set(event["seat"], { ...seat, chain: own });
    if (event.type === "workflow.opened") continue;
    const above = seats.get(event["parent"])!;
    expect(above.tools).toEqual(expect.arrayContaining([...seat.tools]));
    expect(seat.expiresAt).toBeLessThanOrEqual(above.expiresAt);
    for (const counter of ["calls", "cost", "runtimeMs"]) {
      expect(seat.limits[counter], counter).toBeLessThanOrEqual(above.limits[counter]!);
    }
    expect(own).toEqual([seat.agent, ...above.chain]);
  }
}
