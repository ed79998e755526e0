import { describe, expect, it } from "vitest";
import type { TunnelRequest } from "./gateway-session.ts";
import { CLOSE } from "./protocol.ts";
import { World } from "./testing-gateway.ts";

const request = (call: string): TunnelRequest => ({
  call,
  token: "token",
  request: {
    operation: {
      http: {
        method: "GET",
        destination: "tickets",
        path: "/tickets",
        query: "",
        contentDigest: null,
      },
    },
    body: null,
    contentType: null,
  },
  cap: 10,
  timeoutMs: 10_000,
});
const interrupted = { ok: false, code: "interrupted", effect: "possible" };

describe("calls that a lock cuts", () => {
  it("are stopped at the connector and answered at once; the others go on", async () => {
    const world = new World();
    const { socket, say } = world.connect();
    const [one, two] = ["call_1", "call_2"].map((call) =>
      world.end.send("acme", world.presenter(), request(call)),
    );
    expect([...world.end.pending("acme")]).toEqual(["call_1", "call_2"]);
    world.end.cut("acme", new Set(["call_1", "call_unknown"]));
    expect(socket.of("cut")).toEqual([{ t: "cut", id: "0" }]);
    await world.clock.pass(0);
    expect(await one).toEqual(interrupted);
    expect([...world.end.pending("acme")]).toEqual(["call_2"]);
    const ok = { ok: true, status: 200, contentType: "text/plain", encoding: "utf8" };
    const answer = { ...ok, body: "late", truncated: false };
    // What comes for the one that was cut is nobody's any more.
    say({ t: "answer", id: "0", answer });
    say({ t: "answer", id: "1", answer });
    expect(await two).toEqual(answer);
  });

  it("stop newest first: none that waits at the connector gets the place of an older one", () => {
    const world = new World();
    const { socket } = world.connect();
    const calls = ["call_1", "call_2", "call_3"];
    for (const call of calls) void world.end.send("acme", world.presenter(), request(call));
    world.end.cut("acme", new Set(calls));
    expect(socket.of("cut").map(({ id }) => id)).toEqual(["2", "1", "0"]);
  });

  it("are those of one tenant", () => {
    const world = new World();
    const { socket } = world.connect();
    void world.end.send("acme", world.presenter(), request("call_1"));
    world.end.cut("other", new Set(["call_1"]));
    expect([...world.end.pending("other")]).toEqual([]);
    expect(socket.of("cut")).toEqual([]);
  });
});

describe("a call that its agent takes back", () => {
  const none = { ok: false, code: "deadline_exceeded", effect: "none" } as const;

  it("is stopped at the connector, and answered as the connector says", async () => {
    const world = new World();
    const { socket, say } = world.connect();
    const taken = new AbortController();
    const cancelled = taken.signal;
    const one = world.end.send("acme", world.presenter(), { ...request("call_1"), cancelled });
    const two = world.end.send("acme", world.presenter(), request("call_2"));
    expect(socket.of("cut")).toEqual([]);
    taken.abort();
    expect(socket.of("cut")).toEqual([{ t: "cut", id: "0" }]);
    say({ t: "answer", id: "0", answer: none });
    expect(await one).toEqual(none);
    say({ t: "answer", id: "1", answer: none });
    await two;
  });

  it("is not stopped again when it has its answer", async () => {
    const world = new World();
    const { socket, say } = world.connect();
    const taken = new AbortController();
    const cancelled = taken.signal;
    const one = world.end.send("acme", world.presenter(), { ...request("call_1"), cancelled });
    say({ t: "answer", id: "0", answer: none });
    await one;
    taken.abort();
    expect(socket.of("cut")).toEqual([]);
  });
});

describe("a connector that may be here no longer", () => {
  it("loses its session and gets no other one", async () => {
    const world = new World();
    const { socket } = world.connect();
    const call = world.end.send("acme", world.presenter(), request("call_1"));
    world.enrol("con_1", { revoked: true });
    world.end.expel("acme", "con_1");
    expect(socket.closedWith).toBe(CLOSE.unauthorized);
    expect(await call).toMatchObject({ code: "connector_lost", effect: "possible" });
    expect(world.end.choose("acme", "acme", "internal")).toBe(null);
    const again = world.hello();
    world.prove(again);
    expect(again.socket.closedWith).toBe(CLOSE.unauthorized);
    world.end.expel("acme", "con_unknown");
  });
});

describe("an epoch that moved", () => {
  it("reaches the tenant's connectors at once", () => {
    const world = new World();
    const { socket } = world.connect();
    world.end.beatNow("other");
    expect(socket.of("beat")).toEqual([]);
    world.end.beatNow("acme");
    expect(socket.of("beat")).toEqual([{ t: "beat", now: world.clock.now(), epoch: 7 }]);
  });
});
