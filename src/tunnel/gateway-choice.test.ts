import { describe, expect, it } from "vitest";
import { request, World } from "./testing-gateway.ts";

describe("choosing a connector", () => {
  it("takes exactly the tenant, network and tier, never a higher tier", () => {
    const world = new World();
    world.connect();
    expect(world.end.choose("acme", "acme", "internal")).not.toBeNull();
    expect(world.end.choose("acme", "acme", "public")).toBeNull();
    expect(world.end.choose("acme", "acme", "confidential")).toBeNull();
    expect(world.end.choose("acme", "office", "internal")).toBeNull();
    expect(world.end.choose("other", "acme", "internal")).toBeNull();
  });

  it("does not send for another tenant, or in another connector's name", async () => {
    const world = new World();
    const { socket } = world.connect();
    const presenter = world.presenter();
    const none = { ok: false, code: "not_dispatched", effect: "none" };
    expect(await world.end.send("other", presenter, request)).toEqual(none);
    expect(await world.end.send("acme", { ...presenter, connector: "con_2" }, request)).toEqual(
      none,
    );
    expect(socket.of("request")).toHaveLength(0);
  });

  it("takes who has least to do, also in a burst that has not been sent yet", async () => {
    const world = new World();
    world.enrol("con_2");
    world.connect("con_1");
    world.connect("con_2");
    const shares = (calls: number): number =>
      Array.from({ length: calls }, () => world.presenter()).filter(
        ({ connector }) => connector === "con_1",
      ).length;
    expect(shares(20)).toBe(10);
    // Those calls were refused: nothing came of the choice, and it does not count for long.
    await world.clock.pass(250);
    const busy = world.presenter();
    for (let n = 0; n < 4; n++) void world.end.send("acme", busy, request);
    const others = Array.from({ length: 4 }, () => world.presenter());
    expect(others.filter(({ connector }) => connector === busy.connector)).toEqual([]);
    expect(shares(2)).toBe(1);
  });

  it("leaves out who was silent for two beats, and who drains", async () => {
    const world = new World();
    world.enrol("con_2");
    const first = world.connect("con_1");
    const second = world.connect("con_2");
    await world.clock.pass(2_499);
    expect(world.end.session("acme", "con_2")).not.toBeNull();
    first.say({ t: "beat" });
    await world.clock.pass(1);
    expect(world.end.session("acme", "con_2")).toBeNull();
    expect([1, 2, 3].map(() => world.presenter().connector)).toEqual(["con_1", "con_1", "con_1"]);
    second.say({ t: "beat" });
    first.say({ t: "drain" });
    expect(world.presenter().connector).toBe("con_2");
    second.say({ t: "drain" });
    expect(world.end.choose("acme", "acme", "internal")).toBeNull();
  });

  it("chooses nobody where everybody is silent: a call fails at once rather than with the lease", async () => {
    const world = new World();
    const { say } = world.connect();
    await world.clock.pass(2_500);
    expect(world.end.choose("acme", "acme", "internal")).toBeNull();
    say({ t: "beat" });
    expect(world.end.choose("acme", "acme", "internal")).not.toBeNull();
  });

  it("blames nobody for its own stall", async () => {
    const world = new World();
    world.connect();
    world.clock.stall(4_000);
    expect(world.end.choose("acme", "acme", "internal")).not.toBeNull();
  });
});
