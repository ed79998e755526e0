import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Answer } from "../acceptance/support/http.ts";
import { Agent, keyPair } from "../acceptance/support/keys.ts";
import { nodeHost } from "../acceptance/support/node-host.ts";
import { signalsOf, tenantSignals } from "../acceptance/support/signals.ts";
import { type Frame, Wire } from "../acceptance/support/wire.ts";
import type { Outcome, Workflow } from "../acceptance/support/workflow.ts";
import { startWorld, type World } from "../acceptance/support/world.ts";
import { checked, figure } from "./checked.ts";
import { effectsWereAllowed, nothingLeaked, recordVerifies } from "./invariants.ts";

const LAB = { purpose: "lab" };
const ACCESS = "urn:ietf:params:oauth:token-type:access_token";

/**
 * Torture 17: a token replayed in another workflow, agent, connector → refused `context_mismatch`, and a
 * signal in the workflow whose token it was. Each token is good, fresh and unspent where it belongs.
 */
describe("torture 17: a good token in the wrong place", () => {
  const host = nodeHost();
  const opened: Workflow[] = [];
  let world: World;
  /** A second connector of the same tenant, on a wire of its own; the gateway sends nothing there. */
  let other: Wire;
  beforeAll(async () => {
    world = await startWorld("laboratory", host, { wired: true });
    other = await Wire.start(host.urls.gateway);
    const scope = { tenant: "acme", network: "annex", tier: "internal" };
    const lab = {
      ...{ kind: "http", origin: world.lab.origin, methods: ["GET", "POST"], paths: ["/note"] },
    };
    const plan = { name: "annex", ...scope, gatewayUrl: other.url, destinations: { lab } };
    await host.dial(plan, await host.joinCode(scope)).ready();
  });
  afterAll(async () => {
    await world?.[Symbol.asyncDispose]();
    await other?.stop();
  });

  const open = async (): Promise<Workflow> => {
    const workflow = await world.acme.open(world.agent, "dana", LAB);
    opened.push(workflow);
    return workflow;
  };

  /** An agent of this tenant with a seat and a key that nobody else has. */
  async function insider(): Promise<Agent> {
    const { acme, helper } = world;
    const one = new Agent(helper.id, helper.assertionKey, await keyPair("ES256", "proof"));
    await acme.seat(await open(), one);
    return one;
  }

  async function untilSignalled(workflow: Workflow, count = 1): Promise<void> {
    while ((await signalsOf(workflow)).length < count) await sleep(20);
    expect(await signalsOf(workflow)).toMatchObject(
      Array(count).fill({ type: "signal.raised", signal: "context_mismatch" }),
    );
  }

  function refusedAs({ body }: Answer): unknown {
    return (body as { refusal?: { code: string } }).refusal?.code;
  }

  describe("a credential", () => {
    it("at the path of another workflow: the same answer whether there is one", async () => {
      const [workflow, victim] = [await open(), await open()];
      const paths = ["", "/events", "/checkpoint", "/calls/call_1", "/undo"];
      for (const path of paths) {
        const at = (id: string): Promise<Answer> =>
          workflow.request("GET", `${world.acme.url}/v1/workflows/${id}${path}`);
        const [real, invented] = [await at(victim.id), await at(`wf_${"0".repeat(32)}`)];
        expect([real.status, refusedAs(real)]).toEqual([404, "context_mismatch"]);
        expect(invented.text).toBe(real.text);
      }
      const made = await workflow.request("POST", `${victim.url}/calls`, {
        ...{ tool: "lab_note", arguments: { text: "x" } },
      });
      expect([made.status, refusedAs(made)]).toEqual([404, "context_mismatch"]);
      await untilSignalled(workflow, 2 * paths.length + 1);
      expect(await signalsOf(victim)).toEqual([]);
    });

    it("with the key of another agent, over REST and MCP", async () => {
      const [victim, thief] = [await open(), await insider()];
      const { credential: token, url } = victim;
      for (const [method, at] of [
        ["GET", url],
        ["POST", `${url}/calls`],
        ["POST", world.acme.resource],
      ] as const) {
        const proof = await thief.proof(method, at, { token });
        const body = { tool: "lab_note", arguments: { text: "x" } };
        const stolen = await victim.request(method, at, method === "GET" ? undefined : body, {
          proof,
        });
        expect([stolen.status, refusedAs(stolen)]).toEqual([401, "context_mismatch"]);
      }
      await untilSignalled(victim, 3);
    });

    it("with the assertion of another agent, to renew it or to give a seat with it", async () => {
      const { acme } = world;
      const [victim, thief] = [await open(), await insider()];
      const renewal = { form: { subject_token_type: ACCESS } };
      const answers = [await acme.exchange(thief, victim.credential, null, renewal)];
      const actor = await world.worker.actorToken(acme.tokenEndpoint, victim.id);
      const form = {
        ...{ subject_token_type: ACCESS, actor_token: actor },
        actor_token_type: "urn:ietf:params:oauth:token-type:jwt",
      };
      answers.push(await acme.exchange(thief, victim.credential, null, { form }));
      for (const { status, body } of answers) {
        expect(status).toBe(400);
        expect(body).toMatchObject({ error: "invalid_request", code: "context_mismatch" });
      }
      await untilSignalled(victim, 2);
    });

    it("at another tenant: garbage there, a signal at home", async () => {
      const { globex, stranger } = world;
      const victim = await open();
      const foreign = await globex.open(stranger, "pat", LAB);
      const garbage = victim.credential.replace(/\.[^.]+$/, `.${"A".repeat(86)}`);
      const [real, nothing] = await Promise.all(
        [victim.credential, garbage].map((credential) =>
          foreign.request("GET", "", undefined, { credential }),
        ),
      );
      expect([real!.status, real!.text]).toEqual([401, nothing!.text]);
      await untilSignalled(victim);
      expect(await tenantSignals(host, "globex")).toEqual([]);
    });
  });

  describe("a call token", () => {
    const note = (workflow: Workflow): Promise<Outcome> =>
      workflow.call("lab_note", { text: "honest" });

    /** The frame of one call, as it went over the first connector's wire. */
    async function framed(workflow: Workflow): Promise<Frame> {
      const frames: Frame[] = [];
      const keep = (frame: Frame): Frame[] => (frames.push(frame), [frame]);
      expect((await world.wire.holding(keep, () => note(workflow))).outcome).toBe("ok");
      return frames[0]!;
    }

    it("at another connector, as it was", async () => {
      const { lab, wire } = world;
      const victim = await open();
      let before = 0;
      const kept = await wire.holding(
        (frame) => {
          before = lab.arrivals.length;
          // Unspent: the first connector never sees it.
          other.inject({ ...frame, id: "stray" });
          return [];
        },
        () => note(victim),
      );
      expect(kept).toMatchObject({ outcome: "failed", reason: { code: "deadline_exceeded" } });
      expect(lab.arrivals).toHaveLength(before);
      await untilSignalled(victim);
    });

    it("at its own connector, in a later session", async () => {
      const { lab, wire } = world;
      const victim = await open();
      const frame = await framed(victim);
      wire.cut();
      while ((await note(victim)).outcome !== "ok") await sleep(100);
      const before = lab.arrivals.length;
      wire.inject({ ...frame, id: "yesterday" });
      await untilSignalled(victim);
      expect(lab.arrivals).toHaveLength(before);
    });

    it("for another call: of another workflow, and of another operation", async () => {
      const { lab, wire } = world;
      const [victim, thief] = [await open(), await open()];
      const { token } = await framed(victim);
      const before = lab.arrivals.length;
      // The gateway waits for an answer about the thief's call; the token is the victim's.
      const swapped = await wire.holding(
        (frame) => [{ ...frame, token }],
        () => thief.call("lab_note", { text: "another" }),
      );
      expect(swapped).toMatchObject({ outcome: "failed", reason: { code: "token_refused" } });
      expect(lab.arrivals).toHaveLength(before);
      await untilSignalled(victim);
      expect(await signalsOf(thief)).toEqual([]);
    });

    it("brought by another agent than the one the tool is", async () => {
      const { acme, lab } = world;
      const [victim, thief] = [await open(), await insider()];
      const asking = victim.call("lab_ask", { key: "exchanged" });
      await lab.waiting("exchanged");
      const token = String(lab.arrivalsAt("/gate/exchanged")[0]?.headers["txn-token"]);
      const stolen = await acme.exchangeCall(thief, token);
      expect(stolen.body).toMatchObject({
        ...{ error: "access_denied", outcome: { reason: { ruleIds: ["core:call"] } } },
      });
      await untilSignalled(victim);
      lab.open("exchanged");
      expect((await asking).outcome).toBe("ok");
    });
  });

  it("leaves every owner at work, a record that verifies, and no token behind", async () => {
    for (const workflow of opened) {
      expect((await workflow.call("lab_note", { text: "still here" })).outcome).toBe("ok");
    }
    await effectsWereAllowed(world, opened);
    await recordVerifies(host, opened);
    nothingLeaked(world);
    const signals = (await Promise.all(opened.map(signalsOf))).flat();
    figure("signals", signals.length);
    checked("I1", "I3", "I6", "I7");
  });
});
