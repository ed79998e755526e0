import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { changedBundle } from "../acceptance/support/bundle-folder.ts";
import { seconds, unsigned } from "../acceptance/support/keys.ts";
import { lock, type LockView, unlock } from "../acceptance/support/locks.ts";
import { nodeHost } from "../acceptance/support/node-host.ts";
import type { Workflow } from "../acceptance/support/workflow.ts";
import { startWorld, type World } from "../acceptance/support/world.ts";
import { type Asked, askedBy, change, decide as decided, decideWith } from "./approvals.ts";
import { checked } from "./checked.ts";
import { effectsWereAllowed, nothingLeaked, recordVerifies } from "./invariants.ts";

const CANARY = "canary-secret-5d0e83b1c7";

/**
 * Torture 29: approver = requester, or approver's rights gone since → denied. Each document needs
 * `finance` (billing-admins: erin) and `second` (anybody, the requester included).
 */
describe("torture 29: who may not approve, and who may no longer", () => {
  const host = nodeHost();
  const opened: Workflow[] = [];
  let world: World;
  let workflow: Workflow;
  let n = 0;
  beforeAll(async () => {
    world = await startWorld("laboratory", host);
    workflow = await open();
  });
  afterAll(async () => {
    await world?.[Symbol.asyncDispose]();
  });

  async function open(): Promise<Workflow> {
    const one = await world.acme.open(world.agent, "dana", { purpose: "refund" });
    opened.push(one);
    return one;
  }

  /** A change nobody has decided yet. */
  async function fresh(
    more: object = {},
  ): Promise<{ readonly args: { key: string }; asked: Asked }> {
    const args = { key: `doc-${++n}`, title: `title ${n}`, ...more };
    return { args, asked: askedBy(await change(workflow, args)) };
  }

  const decide = (
    login: string,
    asked: Asked,
    kind: string,
    claims: { readonly [claim: string]: unknown } = {},
  ): Promise<[number, string]> => decided(world, login, asked, kind, claims);
  const send = (token: string, asked: Asked, kind: string): Promise<[number, string]> =>
    decideWith(world, token, asked, kind);

  /** What may be approved, is; what was refused before has changed nothing. */
  async function carriesOut(
    { args, asked }: { args: { key: string; title?: string }; asked: Asked },
    still: readonly string[] = ["finance", "second"],
  ): Promise<void> {
    expect(world.lab.document(args.key).title).toBe("draft");
    for (const kind of still) {
      const login = kind === "finance" ? "erin" : "olga";
      expect(await decide(login, asked, kind), kind).toEqual([200, "decided"]);
    }
    const done = await change(workflow, args);
    expect(["ok", "partial_result"]).toContain(done.outcome);
    expect(world.lab.document(args.key).title).toBe(args.title);
  }

  it("the requester gives no kind that the bundle keeps from them, and the one it does not", async () => {
    const one = await fresh();
    expect(await decide("dana", one.asked, "finance")).toEqual([403, "self_approval"]);
    const admin = { groups: ["billing-admins"] };
    expect(await decide("dana", one.asked, "finance", admin)).toEqual([403, "self_approval"]);
    expect(await decide("dana", one.asked, "second")).toEqual([200, "decided"]);
    await carriesOut(one, ["finance"]);
  });

  it("one human gives no two kinds, whatever their rights", async () => {
    const one = await fresh();
    expect(await decide("erin", one.asked, "finance")).toEqual([200, "decided"]);
    expect(await decide("erin", one.asked, "second")).toEqual([403, "two_kinds"]);
    expect(await decide("erin", one.asked, "finance")).toEqual([409, "kind_given"]);
    await carriesOut(one, ["second"]);
  });

  it("rights that the provider took away are gone: a group, and the sight of what changes", async () => {
    const one = await fresh({ secret: CANARY });
    for (const groups of [undefined, [], ["support"]]) {
      expect(await decide("erin", one.asked, "finance", { groups })).toEqual([
        403,
        "not_permitted",
      ]);
    }
    // Not a list of names: nobody can say which groups these are.
    for (const groups of ["billing-admins", [["billing-admins"]]]) {
      expect(await decide("erin", one.asked, "finance", { groups })).toEqual([
        401,
        "sign_in_required",
      ]);
    }
    const intern = { groups: ["billing-admins", "interns"] };
    expect(await decide("ivan", one.asked, "finance", intern)).toEqual([403, "may_not_see"]);
    await carriesOut(one);
    const harmless = await fresh();
    expect(await decide("ivan", harmless.asked, "finance", intern)).toEqual([200, "decided"]);
    await carriesOut(harmless, ["second"]);
  });

  it("a sign-in for anything else decides nothing", async () => {
    const { provider, acme } = world;
    const one = await fresh();
    const other = await fresh();
    const right = `approve:finance:${one.asked.digest}`;
    const token = (change: object, nonce = right): Promise<string> =>
      provider.approverToken("erin", nonce, { ...change });
    const now = seconds();
    const wrong: { readonly [name: string]: string } = {
      "that starts workflows": await acme.signIn("erin"),
      "that starts workflows, with the nonce": await provider.idToken("erin", {
        ...{ nonce: right, auth_time: now, groups: ["billing-admins"] },
      }),
      "for both": await token({ aud: ["postern-approvals", "postern"] }),
      "for both, issued to the other": await token({
        ...{ aud: ["postern-approvals", "postern"], azp: "postern" },
      }),
      "to look": await token({}, "view"),
      "of another decision": await token({}, `approve:finance:${other.asked.digest}`),
      "of another kind": await token({}, `approve:second:${one.asked.digest}`),
      "of the other verdict": await token({}, `reject:finance:${one.asked.digest}`),
      "without a nonce": await token({ nonce: undefined }),
      "with a nonce beside it": await token({ nonce: [right] }),
      "that is stale": await token({ auth_time: now - 400 }),
      "that does not say when": await token({ auth_time: undefined }),
      "in the future": await token({ auth_time: now + 120 }),
      "that has expired": await token({ iat: now - 700, exp: now - 100 }),
      "of another provider": await token({ iss: "http://127.0.0.1:1" }),
      "that nobody signed": unsigned(await token({})),
    };
    for (const [name, one_] of Object.entries(wrong)) {
      expect(await send(one_, one.asked, "finance"), name).toEqual([401, "sign_in_required"]);
    }
    // The right one, for what was shown to somebody else.
    const stray = await send(
      await token({}),
      { ...one.asked, digest: other.asked.digest },
      "finance",
    );
    expect(stray).toEqual([401, "sign_in_required"]);
    const good = await token({});
    expect(await send(good, { ...one.asked, id: other.asked.id }, "finance")).toEqual([
      ...[409, "digest_mismatch"],
    ]);
    // Spent on that mistake: it decides once, whatever came of it.
    expect(await send(good, one.asked, "finance")).toEqual([401, "sign_in_required"]);
    await carriesOut(one);
    expect(world.lab.document(other.args.key).title).toBe("draft");
  });

  describe("a human who is locked", () => {
    let erin: string;
    beforeAll(async () => {
      const one = await fresh();
      await carriesOut(one);
      const events = await workflow.events();
      const given = events.findLast(({ event }) => event["kind"] === "finance");
      erin = String(given?.event["human"]);
    });
    const locked = async (work: (held: LockView) => Promise<void>): Promise<void> => {
      const held = await lock(host, "human", erin);
      try {
        await work(held);
      } finally {
        await unlock(host, held);
      }
    };

    it("decides nothing while it lasts", async () => {
      const one = await fresh();
      await locked(async () => {
        expect(await decide("erin", one.asked, "finance")).toEqual([403, "not_permitted"]);
        expect(await decide("olga", one.asked, "second")).toEqual([200, "decided"]);
        expect((await change(workflow, one.args)).outcome).toBe("human_approval_required");
      });
      await carriesOut(one, ["finance"]);
    });

    it("has approved nothing that was not carried out before, also when the lock is gone", async () => {
      const [during, after] = [await fresh(), await fresh()];
      for (const { asked } of [during, after]) {
        expect(await decide("erin", asked, "finance")).toEqual([200, "decided"]);
        expect(await decide("olga", asked, "second")).toEqual([200, "decided"]);
      }
      let rule = "";
      await locked(async (held) => {
        rule = `lock:${held.lock}`;
        expect(await change(workflow, during.args)).toMatchObject({
          outcome: "policy_denied",
          reason: { code: "approval_stale", ruleIds: ["core:approval", rule] },
        });
      });
      expect(await change(workflow, after.args)).toMatchObject({
        outcome: "policy_denied",
        reason: { code: "approval_stale", ruleIds: ["core:approval", rule] },
      });
      // Asked again, about the present state, of whoever may.
      for (const { args } of [during, after]) {
        await carriesOut({ args, asked: askedBy(await change(workflow, args)) });
      }
    });
  });

  describe("a bundle that takes the right away", () => {
    const strict = (): string =>
      changedBundle(
        world.bundle,
        join(world.folder, "strict"),
        "policies/authority.cedar",
        'context.groups.contains("billing-admins")',
        'context.groups.contains("auditors")',
      );
    const activated = async (bundle: string): Promise<void> => {
      const { code, stdout, stderr } = await host.activate("acme", bundle);
      expect(code, stdout + stderr).toBe(0);
    };

    it("between asking and deciding, and between deciding and carrying out", async () => {
      const [asked, approved] = [await fresh(), await fresh()];
      expect(await decide("erin", approved.asked, "finance")).toEqual([200, "decided"]);
      expect(await decide("olga", approved.asked, "second")).toEqual([200, "decided"]);
      await activated(strict());
      expect(await decide("erin", asked.asked, "finance")).toEqual([409, "digest_mismatch"]);
      for (const { args } of [asked, approved]) {
        const again = askedBy(await change(workflow, args));
        expect([asked.asked.id, approved.asked.id]).not.toContain(again.id);
        expect(await decide("erin", again, "finance")).toEqual([403, "not_permitted"]);
        expect(world.lab.document(args.key).title).toBe("draft");
        const auditor = { groups: ["auditors"] };
        expect(await decide("ada", again, "finance", auditor)).toEqual([200, "decided"]);
        await carriesOut({ args, asked: again }, ["second"]);
      }
      await activated(world.bundle);
      await carriesOut(await fresh());
    });
  });

  it("leaves a record that verifies, in which every effect was allowed and nothing leaked", async () => {
    await recordVerifies(host, opened);
    await effectsWereAllowed(world, opened);
    nothingLeaked(world, [CANARY]);
    checked("I1", "I3", "I6", "I7");
  });
});
