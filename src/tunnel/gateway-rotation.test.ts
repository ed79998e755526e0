import { describe, expect, it } from "vitest";
import { type Ed25519Jwk, signText } from "./keys.ts";
import { CLOSE, rotationText } from "./protocol.ts";
import { bare, request, World } from "./testing-gateway.ts";
import { testKey } from "./testing.ts";

const next = testKey();

function asked() {
  const world = new World();
  const dialled = world.connect();
  const answer = world.end.rotate("acme", "con_1");
  const id = String(dialled.socket.of("rotate")[0]?.["id"]);
  const session = String(dialled.socket.of("challenge")[0]?.["session"]);
  const reply = (change: { key?: Ed25519Jwk; text?: string; id?: string } = {}): void => {
    const of = { tenant: "acme", connector: "con_1", session };
    const { key = bare(next), text = rotationText(of), id: to = id } = change;
    dialled.say({ t: "rotate", id: to, key, signature: signText(next.privateKey, text) });
  };
  return { world, dialled, answer, session, reply };
}

describe("a connector's key that is rotated, seen from the gateway", () => {
  it("is the one that the connector names and proves; its session goes on", async () => {
    const { world, dialled, answer, session, reply } = asked();
    reply();
    const successor = await answer;
    expect(successor).toEqual({ key: bare(next), session });
    expect(dialled.socket.of("rotated")).toEqual([]);
    world.end.rotated("acme", "con_1", successor!);
    expect(dialled.socket.of("rotated")).toHaveLength(1);
    expect(world.end.live("acme", "con_1")).not.toBeNull();
  });

  it.each([
    ["another key", { key: bare(testKey()) }],
    ["another session", { text: "postern-rotate\n1\nacme\ncon_1\n00" }],
    ["nothing like it", { text: "" }],
  ])("is not one whose signature is of %s: that ends the session", async (_, change) => {
    const { dialled, answer, reply } = asked();
    reply(change);
    expect(await answer).toBeNull();
    expect(dialled.socket.closedWith).toBe(CLOSE.unauthorized);
  });

  it("is none when it does not come in time, under another id, or for another question", async () => {
    const { world, dialled, answer, reply } = asked();
    reply({ id: "99" });
    const seen = world.end.seen("acme", "con_1", "call_1");
    reply({ id: String(dialled.socket.of("seen")[0]?.["id"]) });
    await world.clock.pass(2_000);
    expect([await answer, await seen]).toEqual([null, null]);
    reply();
    expect(dialled.socket.closedWith).toBeNull();
    expect(await world.end.rotate("acme", "con_2")).toBeNull();
  });

  it("cuts the session that the key of before has opened meanwhile", async () => {
    const { world, dialled, answer, reply } = asked();
    reply();
    const successor = await answer;
    dialled.peer.closed();
    const second = world.connect();
    const waiting = world.end.send("acme", world.presenter(), request);
    world.end.rotated("acme", "con_1", successor!);
    expect(second.socket.closedWith).toBe(CLOSE.unauthorized);
    expect(await waiting).toMatchObject({ code: "connector_lost" });
    // And where nobody is, nobody is told.
    world.end.rotated("acme", "con_1", successor!);
  });
});

describe("a connector that is to stop", () => {
  it("is told so, gets nothing more, and finishes what it has", async () => {
    const world = new World();
    const { socket, say } = world.connect();
    const answer = world.end.send("acme", world.presenter(), request);
    expect(world.end.drain("acme", "con_1")).toBe(1);
    expect(socket.of("drain")).toHaveLength(1);
    expect(world.end.choose("acme", "acme", "internal")).toBeNull();
    const refused = { ok: false, code: "connection_refused", effect: "none" };
    say({ t: "answer", id: "0", answer: refused });
    expect(await answer).toEqual(refused);
    expect(world.end.drain("acme", "con_2")).toBeNull();
  });
});
