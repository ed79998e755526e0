import { createPrivateKey, sign as signBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { KeyStore } from "../../src/hosts/node/key-store.ts";
import { loadWrapping } from "../../src/hosts/node/wrapping.ts";
import { type Answer, send } from "../acceptance/support/http.ts";
import { Agent, base64url, payloadOf, seconds } from "../acceptance/support/keys.ts";
import { lock } from "../acceptance/support/locks.ts";
import { nodeHost } from "../acceptance/support/node-host.ts";
import { reconnected } from "../acceptance/support/reconnected.ts";
import { activeKey, keyList, kidOf, rotate } from "../acceptance/support/signing-keys.ts";
import { until } from "../acceptance/support/until.ts";
import type { Tamper } from "../acceptance/support/wire.ts";
import { type Outcome, Workflow } from "../acceptance/support/workflow.ts";
import { startWorld, type World } from "../acceptance/support/world.ts";
import { Random } from "../crash/random.ts";
import { figure, SEED } from "./checked.ts";
import { GatewayClock, OTHER_CLOCK } from "./clock.ts";
import { chainHolds, effectsHold, recordHolds } from "./witnesses.ts";

const ROUNDS = 4;
/** Clients of one workflow that keep calling while its keys are changed. */
const ASKING = 12;
/** Calls of one of them that wait for an answer: a slow machine must not be behind with more and more. */
const WAITING = 4;
const MINUTE = 60_000;
const RENEWAL = { subject_token_type: "urn:ietf:params:oauth:token-type:access_token" };

type Purpose = "credential" | "call";

/** Its clock goes with the gateway's. */
class PunctualAgent extends Agent {
  aheadMs = 0;

  seconds(): number {
    return seconds() + this.aheadMs / 1_000;
  }

  override proof(...[method, url, more = {}]: Parameters<Agent["proof"]>): Promise<string> {
    return super.proof(method, url, { ...more, change: { iat: this.seconds() } });
  }

  override assertion(...[audience, change, header]: Parameters<Agent["assertion"]>) {
    const iat = this.seconds();
    return super.assertion(audience, { iat, exp: iat + 50, ...change }, header);
  }
}

/** A key of the gateway's own that somebody took from the data folder, to sign what he likes. */
interface StolenKey {
  readonly kid: string;
  sign(token: string, change?: { readonly [claim: string]: unknown }): string;
}

/**
 * Torture 20: signing key rotated mid-flight → overlap honoured, old key dead after its window. The
 * window is waited for with a clock that the test moves; what is dead is shown with the key itself,
 * stolen while it was alive, so that it is not the age of a token that decides.
 */
describe(`torture 20: signing keys are rotated in the middle of calls (seed ${SEED})`, () => {
  const host = nodeHost({ entry: OTHER_CLOCK });
  const random = new Random(SEED);
  let world: World;
  let agent: PunctualAgent;
  let clock: GatewayClock;
  beforeAll(async () => {
    world = await startWorld("laboratory", host, { wired: true });
    world.lab.latencyMs = () => random.integer(0, 60);
    const { id, assertionKey, proofKey } = world.agent;
    clock = new GatewayClock(world.folder);
    agent = new PunctualAgent(id, assertionKey, proofKey);
  });
  afterAll(async () => {
    await world?.[Symbol.asyncDispose]();
  });

  function pass(ms: number): void {
    agent.aheadMs += ms;
    clock.off(agent.aheadMs / 1_000);
  }

  async function open(): Promise<Workflow> {
    const { acme, provider } = world;
    const iat = Math.floor(agent.seconds());
    const signIn = await provider.idToken("dana", { iat, exp: iat + 600 });
    return Workflow.from(acme, agent, await acme.redeem(agent, signIn, { purpose: "lab" }));
  }

  const note = async (workflow: Workflow): Promise<string> => {
    const { outcome, reason } = await workflow.call("lab_note", { text: "x" });
    return reason?.code ?? outcome;
  };
  /** The connector has the gateway's new time, by which it judges tokens. */
  const beat = (workflow: Workflow): Promise<void> =>
    until("a beat", async () => (await note(workflow)) === "ok", 30);
  /** Why the connector refused a token, the last time. */
  const refusedFor = (): unknown => {
    const lines = host.processes.get("internal")?.stderr.trim().split("\n") ?? [];
    const codes = lines.flatMap((line) => {
      const { event, code } = JSON.parse(line) as { event: string; code?: string };
      return event === "token_refused" ? [code] : [];
    });
    return codes.at(-1);
  };
  const published = async (): Promise<string[]> => {
    const { body } = await send(`${world.acme.url}/jwks`);
    return (body as { keys: { kid: string }[] }).keys.map(({ kid }) => kid);
  };
  const renewed = ({ credential }: Workflow): Promise<Answer> =>
    world.acme.exchange(agent, credential, null, { form: RENEWAL });

  async function steal(purpose: Purpose): Promise<StolenKey> {
    const kid = await activeKey(host, purpose);
    const store = new KeyStore(host.dataDir, loadWrapping(host.dataDir, undefined, {}));
    const { x, d } = store.load("acme", purpose)!.material[kid]!;
    const key = createPrivateKey({ key: { kty: "OKP", crv: "Ed25519", x, d: d! }, format: "jwk" });
    return {
      kid,
      sign(token, change = {}) {
        const typ = purpose === "call" ? "txntoken+jwt" : "at+jwt";
        const claims = base64url({ ...payloadOf(token), ...change });
        const input = `${base64url({ typ, alg: "EdDSA", kid })}.${claims}`;
        return `${input}.${signBytes(null, Buffer.from(input), key).toString("base64url")}`;
      },
    };
  }

  /** What becomes of a call whose token somebody on the wire signed anew with this key. */
  async function forgedCall(workflow: Workflow, key: StolenKey): Promise<string> {
    const forge: Tamper = (frame) => [{ ...frame, token: key.sign(String(frame["token"])) }];
    return world.wire.holding(forge, () => note(workflow));
  }

  /** What becomes of a request under a credential that was made just now, with this key. */
  async function forgedRequest(workflow: Workflow, key: StolenKey): Promise<number> {
    const iat = Math.floor(agent.seconds());
    const credential = key.sign(workflow.credential, { iat, exp: iat + 600, jti: String(iat) });
    return (await workflow.request("GET", "", undefined, { credential })).status;
  }

  it("fails none of the calls that are under way, whenever it comes", async () => {
    const { lab } = world;
    let calls = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const workflow = await open();
      lab.arrivals.length = 0;
      const old = await activeKey(host, "call");
      let over = false;
      const held = ["lab_gate", "lab_change_gate"].map((tool) =>
        workflow.call(tool, { key: `round-${round}` }),
      );
      const asking = Array.from({ length: ASKING }, async (_, n) => {
        const tool = n % 2 === 0 ? "lab_note" : "lab_write";
        const outcomes: Promise<Outcome>[] = [];
        for (let last = false; !last;) {
          last = over;
          outcomes.push(workflow.call(tool, { text: `${round}-${n}-${outcomes.length}` }));
          await Promise.all([sleep(random.integer(20, 80)), outcomes.at(-WAITING)]);
        }
        return Promise.all(outcomes);
      });
      await lab.waiting(`round-${round}`, held.length);
      await sleep(random.integer(0, 200));
      await rotate(host, "--now");
      over = true;
      const asked = (await Promise.all(asking)).flat();
      lab.open(`round-${round}`);
      const outcomes = [...asked, ...(await Promise.all(held))];
      for (const { outcome, reason } of outcomes) {
        expect([outcome, reason?.code]).toEqual(["ok", undefined]);
      }
      calls += outcomes.length;
      const kids = lab.arrivals.map(({ headers }) => kidOf(String(headers["txn-token"])));
      expect(new Set(kids)).toEqual(new Set([old, await activeKey(host, "call")]));
      effectsHold(lab.arrivals, await workflow.events());
      chainHolds(workflow, await workflow.events());
    }
    figure("calls over a rotation", calls);
  });

  it("believes the old keys for their window, and not after it, whatever they sign", async () => {
    const workflow = await open();
    const [call, credential] = [await steal("call"), await steal("credential")];
    await rotate(host, "--now");
    expect(await activeKey(host, "call")).not.toBe(call.kid);
    expect(await published()).toContain(call.kid);
    expect(await forgedCall(workflow, call)).toBe("ok");
    expect(await forgedRequest(workflow, credential)).toBe(200);

    pass(MINUTE + 2_000);
    expect(await published()).not.toContain(call.kid);
    await beat(workflow);
    expect(await forgedCall(workflow, call)).toBe("token_refused");
    expect(refusedFor()).toBe("token_key_unknown");
    expect(await note(workflow)).toBe("ok");
    expect(await forgedRequest(workflow, credential)).toBe(200);

    pass(14 * MINUTE);
    expect(await forgedRequest(workflow, credential)).toBe(401);
    // The agent slept over all of it: its own credential has expired under a key that is retired.
    expect((await workflow.request("GET", "")).status).toBe(401);
    const answer = await renewed(workflow);
    expect(answer.status).toBe(200);
    const again = Workflow.from(world.acme, agent, answer);
    expect(kidOf(again.credential)).toBe(await activeKey(host, "credential"));
    expect(again.id).toBe(workflow.id);
    await beat(again);

    pass(8 * 60 * MINUTE);
    expect((await keyList(host, "credential")).map(({ key }) => key)).not.toContain(credential.kid);
  });

  it("says the next key long before it signs, and lets it sign in time", async () => {
    const workflow = await open();
    await beat(workflow);
    const old = await activeKey(host, "call");
    const next = (await rotate(host, "--purpose", "call")).at(-1)!;
    expect([await activeKey(host, "call"), (await published()).toSorted()]).toEqual([
      old,
      [old, next.key].toSorted(),
    ]);
    expect(await note(workflow)).toBe("ok");
    await host.kill("gateway");
    await host.restart("gateway");
    await reconnected(host);
    expect(await activeKey(host, "call")).toBe(old);
    pass(10 * MINUTE);
    expect(await activeKey(host, "call")).toBe(next.key);
    await beat(workflow);
    const [last] = world.lab.arrivals.slice(-1);
    expect(kidOf(String(last?.headers["txn-token"]))).toBe(next.key);
  });

  it("takes a connector back that slept through all of it", async () => {
    const workflow = await open();
    await host.kill("internal");
    for (let n = 0; n < 3; n++) {
      await rotate(host, "--purpose", "call", "--now");
      pass(MINUTE + 2_000);
    }
    expect(await published()).toHaveLength(1);
    await host.restart("internal");
    await beat(workflow);
  });

  it("leaves nothing of a key that is locked, in that moment", async () => {
    const { lab } = world;
    const workflow = await open();
    const [call, credential] = [await steal("call"), await steal("credential")];
    expect(await forgedCall(workflow, call)).toBe("ok");
    expect(await forgedRequest(workflow, credential)).toBe(200);
    await lock(host, "key", call.kid);
    await lock(host, "key", credential.kid);
    expect(await forgedRequest(workflow, credential)).toBe(401);
    expect((await workflow.request("GET", "")).status).toBe(401);
    expect((await renewed(workflow)).status).toBe(400);

    const fresh = await open();
    const before = lab.arrivals.length;
    expect(await forgedCall(fresh, call)).toBe("token_refused");
    expect(refusedFor()).toBe("token_key_unknown");
    expect(lab.arrivals).toHaveLength(before);
    expect(await note(fresh)).toBe("ok");
    expect(await published()).toEqual([await activeKey(host, "call")]);
  });

  it("takes nobody back who knew the locked key only: that one is enrolled anew", async () => {
    const { lab } = world;
    const workflow = await open();
    await host.kill("internal");
    await lock(host, "key", await activeKey(host, "call"));
    const back = host.restart("internal").catch(() => undefined);
    const internal = (): string => host.processes.get("internal")?.stderr ?? "";
    await until("its own words", () => internal().includes("enrol anew"), 90);
    expect(internal()).toContain("gateway_key_unknown");
    await host.kill("internal");
    await back;

    const place = { tenant: "acme", network: "acme", tier: "internal" };
    const destination = { kind: "http", origin: lab.origin, methods: ["GET"], paths: ["/note"] };
    const plan = { ...place, name: "anew", destinations: { lab: destination } };
    await host.dial(plan, await host.joinCode(place)).ready();
    expect(await note(workflow)).toBe("ok");
    await host.gateway.stop();
    await recordHolds(host);
  });
});
