import { describe, expect, it } from "vitest";
import { EDGE, bundleOf, openCommand, readTool, World } from "../testing.ts";
import { MAX_LIFE_MS } from "./limits.ts";

function world(edge: Partial<typeof EDGE> = {}): World {
  const world = new World();
  world.bundle = bundleOf([readTool(), readTool({ id: "invoices_list" })], [{ ...EDGE, ...edge }]);
  return world;
}

const UNTRUSTED = {
  events: [],
  result: {
    kind: "denied",
    code: "trust_denied",
    policyClass: null,
    ruleIds: ["default:trust"],
  },
};

describe("opening a workflow", () => {
  it("records who, for what, with which ceilings and under which rule", () => {
    const one = world();
    const { result } = one.submit(openCommand());
    expect(result).toEqual({
      kind: "opened",
      expiresAt: one.now + EDGE.maxLifeMs,
      tools: ["customers_find", "invoices_list"],
    });
    expect(one.events).toMatchObject([
      {
        type: "workflow.opened",
        seq: 0,
        human: "human-pseudonym",
        agent: "support-agent",
        limits: EDGE.limits,
        ruleIds: ["trust:support"],
        policyVersion: one.bundle.digest,
      },
    ]);
    expect(one.state).toMatchObject({ status: "open", trust: "support", next: 1 });
  });

  it("keeps the human's claims and inputs out of the event", () => {
    const one = world();
    one.submit(openCommand({ claims: { groups: ["support"], email: "canary@acme.test" } }));
    expect(one.stored[0]!.bytes).not.toContain("canary");
    expect(one.stored[0]!.bytes).not.toContain("4711");
  });

  it.each([
    ["another agent", openCommand({ agent: "deploy-agent" })],
    ["another purpose", openCommand({ purpose: "curiosity" })],
    ["a tool outside trust", openCommand({ tools: ["customers_find", "payroll_list"] })],
    ["a human without the claim", openCommand({ claims: {} })],
    ["a human of another group", openCommand({ claims: { groups: ["sales"] } })],
    ["a claim of another type", openCommand({ claims: { groups: { support: true } } })],
    ["a claim inside a nested list", openCommand({ claims: { groups: [["support"]] } })],
    [
      "an inherited claim",
      openCommand({ claims: Object.create({ groups: ["support"] }) as object as {} }),
    ],
  ])("denies %s by default", (_name, command) => {
    expect(world().submit(command)).toEqual(UNTRUSTED);
  });

  it("accepts a claim that is a plain string", () => {
    expect(world().submit(openCommand({ claims: { groups: "support" } })).result.kind).toBe(
      "opened",
    );
  });

  it("covers nobody by an edge that names no claim, or a claim without values", () => {
    expect(world({ claims: {} }).submit(openCommand())).toEqual(UNTRUSTED);
    expect(world({ claims: { groups: [] } }).submit(openCommand())).toEqual(UNTRUSTED);
  });

  it("wants every claim of the edge", () => {
    const both = { claims: { groups: ["support"], country: ["de"] } };
    expect(world(both).submit(openCommand())).toEqual(UNTRUSTED);
    const claims = { groups: ["support"], country: "de" };
    expect(world(both).submit(openCommand({ claims })).result.kind).toBe("opened");
  });

  it("takes the first edge that covers everything asked for", () => {
    const one = world();
    const narrow = { ...EDGE, id: "narrow", tools: ["customers_find"] };
    one.bundle = bundleOf([readTool(), readTool({ id: "invoices_list" })], [narrow, EDGE]);
    one.submit(openCommand({ tools: ["invoices_list"] }));
    expect(one.state.trust).toBe("support");
  });

  it("grants only tools that the bundle has, once each, sorted", () => {
    const one = world({ tools: ["invoices_list", "customers_find", "gone"] });
    expect(one.submit(openCommand()).result).toMatchObject({
      tools: ["customers_find", "invoices_list"],
    });
    const asked = world().submit(
      openCommand({ tools: ["invoices_list", "customers_find", "invoices_list"] }),
    );
    expect(asked.result).toMatchObject({ tools: ["customers_find", "invoices_list"] });
  });

  it("shrinks what is asked for to what trust gives, never the other way", () => {
    const one = world();
    one.submit(openCommand({ limits: { calls: 5, cost: 1e9 }, lifeMs: 1_000 }));
    expect(one.state.limits).toEqual({ ...EDGE.limits, calls: 5 });
    expect(one.state.expiresAt).toBe(one.now + 1_000);
  });

  it("caps the single tools that were given, and takes no other name into the record", () => {
    const one = world({ tools: ["customers_find"] });
    const caps = (tools: object) => openCommand({ limits: { tools: { ...tools } } });
    for (const name of ["invoices_list", "canary_name", "constructor"]) {
      expect(one.submit(caps({ customers_find: 1, [name]: 1 }))).toEqual({
        events: [],
        result: {
          ...{ kind: "denied", code: "trust_denied", policyClass: null },
          ruleIds: ["core:limits", "trust:support"],
        },
      });
    }
    const narrow = { tools: ["customers_find"], ...caps({ customers_find: 1 }) };
    expect(one.submit(narrow).result.kind).toBe("opened");
    expect(one.state.limits.tools).toEqual({ customers_find: 1 });
  });

  it("never lives longer than eight hours, whatever trust says", () => {
    const one = world({ maxLifeMs: MAX_LIFE_MS * 2 });
    one.submit(openCommand());
    expect(one.state.expiresAt).toBe(one.now + 28_800_000);
  });

  it.each([
    [{ lifeMs: -1 }],
    [{ lifeMs: 1.5 }],
    [{ limits: { calls: -1 } }],
    [{ limits: { cost: 2 ** 53 } }],
    [{ limits: { runtimeMs: "60000" as unknown as number } }],
  ])("refuses %j: a ceiling must be a whole number", (asked) => {
    expect(world().submit(openCommand(asked))).toEqual({
      events: [],
      result: { kind: "denied", code: "trust_denied", policyClass: null, ruleIds: ["core:limits"] },
    });
  });

  it.each([
    ["tenant", "acme"],
    ["human", "human-pseudonym"],
    ["agent", "support-agent"],
    ["key", "thumbprint"],
    ["bundle", bundleOf().digest],
  ] as const)("refuses under a lock on the %s", (target, value) => {
    const one = world();
    one.lock(
      { id: "l1", target, value },
      { id: "l0", target, value },
      { id: "lx", target, value: "other" },
    );
    expect(one.submit(openCommand())).toEqual({
      events: [],
      result: {
        kind: "denied",
        code: "locked",
        policyClass: null,
        ruleIds: ["lock:l0", "lock:l1"],
      },
    });
  });

  it.each([
    ["other_tenant", "cross_tenant_context", "core:tenant"],
    ["other_agent", "trust_denied", "core:key"],
  ] as const)("refuses a key that is of %s: %s", (key, code, ruleId) => {
    const one = world();
    expect(one.submit(openCommand({ key }))).toEqual({
      events: [],
      result: { kind: "denied", code, policyClass: null, ruleIds: [ruleId] },
    });
    expect(one.submit(openCommand()).result.kind).toBe("opened");
  });

  it("opens nothing while the host cannot vouch for the locks", () => {
    const one = world();
    one.locks = null;
    expect(one.submit(openCommand()).result).toEqual({ kind: "failed", code: "locks_unavailable" });
    expect(one.events).toEqual([]);
  });

  it("ignores a second opening", () => {
    const one = world();
    one.submit(openCommand());
    expect(one.submit(openCommand({ agent: "other" }))).toEqual({
      events: [],
      result: { kind: "ignored" },
    });
  });
});
