import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { mint } from "../../connector/testing.ts";
import { CLOSE, MAX_FRAME_BYTES, MAX_UNASKED_BYTES } from "../../tunnel/protocol.ts";
import {
  challenge,
  ENDLESS,
  gatewayKey,
  GOES_ON,
  HonestConnector,
  HonestGateway,
  type Moment,
  type Outcome,
  type Said,
  TOO_LARGE,
} from "./testing-hostile.ts";

/** What one side says, and how the other one ends it, whichever of them dialled. */
interface Cell {
  readonly at: Moment;
  readonly say: readonly Said[];
  /** Where the connector dials, as it mostly does. */
  readonly dialled: Outcome;
  /** Where it listens, and frames are POSTs. */
  readonly posted: Outcome;
}
interface Row {
  readonly connector: Cell;
  readonly gateway: Cell;
}

const { malformed, unauthorized, version, goingAway } = CLOSE;
const json = JSON.stringify;

const live = (say: readonly Said[], dialled: Outcome, posted = dialled): Cell => {
  return { at: "live", say, dialled, posted };
};
const fresh = (say: readonly Said[], dialled: Outcome, posted = dialled): Cell => {
  return { at: "fresh", say, dialled, posted };
};

const hello = { t: "hello", v: 1, tenant: "acme", connector: "con_evil", nonce: "cd".repeat(32) };
const proof = { t: "proof", signature: "A".repeat(86) };
const welcome = { t: "welcome", now: 1, epoch: 0 };
const answer = (id: string, chars = 1) => ({
  ...{ t: "answer", id },
  answer: {
    ...{ ok: true, status: 200, contentType: "text/plain", encoding: "utf8", truncated: false },
    body: "x".repeat(chars),
  },
});
const http = { method: "GET", destination: "x", path: "/", query: "", contentDigest: null };
const presenter = { connector: "con_1", session: "5e".repeat(16) };
const request = (id: string, body: string | null = null) => ({
  ...{ t: "request", id, operation: { http }, body, contentType: null, idempotencyKey: null },
  token: mint(gatewayKey, { http }, presenter, 1_000),
  ...{ preview: null, cap: 1, timeoutMs: 600_000 },
});
const deep = `${"[".repeat(50_000)}${"]".repeat(50_000)}`;
/** Bytes that are no UTF-8, and not of a text frame. */
const bytes = Buffer.from([0x7b, 0xff, 0x7d]);

/** Every way a peer can be wrong × who it is × who dialled. No cell may be left out. */
const TABLE: { readonly [attack: string]: Row } = {
  "a frame past every cap": {
    connector: live([json(answer("0", MAX_FRAME_BYTES))], goingAway),
    gateway: live([json(request("0", "x".repeat(MAX_FRAME_BYTES)))], "lost", TOO_LARGE),
  },
  "a frame past what it may say now": {
    connector: live([json(answer("0", MAX_UNASKED_BYTES))], malformed, goingAway),
    gateway: fresh([json({ ...welcome, x: "x".repeat(4_096) })], "malformed", TOO_LARGE),
  },
  "a frame that has no end": {
    connector: live([ENDLESS], malformed, goingAway),
    gateway: live([ENDLESS], "lost", TOO_LARGE),
  },
  "an unknown type": {
    connector: live(['{"t":"evil"}'], malformed),
    gateway: live(['{"t":"evil"}'], "malformed"),
  },
  "a type that every object has": {
    connector: live(['{"t":"constructor"}', '{"t":"__proto__"}'], malformed),
    gateway: live(['{"t":"constructor"}', '{"t":"__proto__"}'], "malformed"),
  },
  "an unknown member": {
    connector: live(['{"t":"beat","x":1}'], malformed),
    gateway: live(['{"t":"beat","now":1,"epoch":0,"x":1}'], "malformed"),
  },
  "a member that is missing": {
    connector: live(['{"t":"answer","id":"0"}'], malformed),
    gateway: live(['{"t":"beat","now":1}'], "malformed"),
  },
  "an unknown version": {
    connector: fresh([json({ ...hello, v: 2 })], version),
    gateway: fresh([json(challenge({ t: "hello", nonce: "00" }, 2))], "gateway_unproven"),
  },
  "a key twice": {
    connector: live(['{"t":"beat","t":"beat"}'], malformed),
    gateway: live(['{"t":"beat","now":1,"now":2,"epoch":0}'], "malformed"),
  },
  "deep nesting": {
    connector: live([`{"t":"beat","x":${deep}}`], malformed),
    gateway: live([`{"t":"beat","x":${deep}}`], "malformed"),
  },
  "half a frame": {
    connector: live(['{"t":"be'], malformed),
    gateway: live(['{"t":"be'], "malformed"),
  },
  "two frames in one": {
    // Where frames are lines, these are two good ones.
    connector: live(['{"t":"beat"}\n{"t":"beat"}'], malformed, GOES_ON),
    gateway: live([`${json(welcome)}\n${json(welcome)}`], "malformed"),
  },
  "bytes where there should be text": {
    connector: live([bytes], malformed, goingAway),
    gateway: live([bytes], "malformed"),
  },
  "text that is no object": {
    connector: live(["[]", "null", "1"], malformed),
    gateway: live(["[]", "null", "1"], "malformed"),
  },
  "a frame of the other side": {
    connector: live([json(request("0"))], malformed),
    gateway: live([json(answer("0"))], "malformed"),
  },
  "a proof that was made for another session": {
    connector: fresh([json(hello), json(proof)], unauthorized),
    gateway: fresh([json(challenge({ t: "hello", nonce: "00".repeat(32) }))], "gateway_unproven"),
  },
  "a frame of the handshake once more": {
    connector: live([json(hello)], malformed),
    gateway: live([json(welcome)], "malformed"),
  },
  "frames of the handshake out of order": {
    connector: fresh([json(proof), json(hello)], malformed),
    gateway: fresh([json(welcome)], "malformed"),
  },
  "a frame of a session before there is one": {
    connector: fresh([json(answer("0"))], malformed),
    gateway: fresh([json(request("0"))], "malformed"),
  },
  "a frame once more": {
    // A lie to be signalled, but small: it is dropped.
    connector: live([json(answer("0")), json(answer("0"))], GOES_ON),
    gateway: live([json(request("0")), json(request("0"))], "malformed"),
  },
  "an id that nobody gave": {
    connector: live([json(answer("99")), '{"t":"seen","id":"99","state":"never"}'], GOES_ON),
    gateway: live(['{"t":"cut","id":"99"}'], GOES_ON),
  },
  "an id in no form": {
    connector: live([json(answer("../0"))], malformed),
    gateway: live(['{"t":"cut","id":"../0"}'], "malformed"),
  },
  "more after its end": {
    connector: live(["{", '{"t":"beat"}', json(answer("0")), "{"], malformed),
    gateway: live(["{", json(welcome), json(request("0")), "{"], "malformed"),
  },
  "more after its goodbye": {
    // `drain`: it takes no more, and what it still says is heard.
    connector: live(['{"t":"drain"}', '{"t":"drain"}', json(hello)], malformed),
    gateway: live(['{"t":"drain"}', '{"t":"drain"}', json(welcome)], "malformed"),
  },
};
const rows = Object.entries(TABLE);

describe("a connector in the hands of somebody else", () => {
  const gateway = new HonestGateway();
  beforeAll(() => gateway.start());
  afterAll(() => gateway.stop());

  it.each(rows)("that dials and sends %s", async (_, { connector: { at, say, dialled } }) => {
    expect(await gateway.dialled(at, say)).toBe(dialled);
    expect(await gateway.serves("con_honest")).toBe(true);
  });

  it.each(rows)("that listens and sends %s", async (_, { connector: { at, say, posted } }) => {
    expect(await gateway.dials(at, say)).toBe(posted);
    expect(await gateway.serves("con_honest")).toBe(true);
  });
});

describe("a gateway in the hands of somebody else", () => {
  const connector = new HonestConnector();
  beforeAll(() => connector.start());
  afterAll(() => connector.stop());

  it.each(rows)("that is dialled and sends %s", async (_, { gateway: { at, say, dialled } }) => {
    expect(await connector.dials(at, say)).toBe(dialled);
  });

  it.each(rows)("that dials and sends %s", async (_, { gateway: { at, say, posted } }) => {
    expect(await connector.dialled(at, say)).toBe(posted);
  });

  it("has not kept it from working for the next one", async () => {
    expect(await connector.dials("live", [])).toBe(GOES_ON);
    expect(await connector.dialled("live", [])).toBe(GOES_ON);
  });
});
