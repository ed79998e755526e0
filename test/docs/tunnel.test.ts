import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parseToConnector, parseToGateway } from "../../src/tunnel/frames.ts";
import {
  BEAT_MS,
  CHALLENGE_MS,
  CLOSE,
  HANDSHAKE_MS,
  LEASE_MS,
  MAX_BODY_BYTES,
  MAX_BUFFERED_BYTES,
  MAX_FRAME_BYTES,
  MAX_HANDSHAKE_FRAME_BYTES,
  MAX_IN_FLIGHT,
  MAX_OBSERVED_BYTES,
  MAX_UNASKED_BYTES,
  SEEN_STATES,
  TUNNEL_VERSION,
} from "../../src/tunnel/protocol.ts";

/** The page somebody would write another peer from, held against the code. */
const page = readFileSync(new URL("../../docs/protocol/tunnel.md", import.meta.url), "utf8");
const rows = page
  .split("\n")
  .filter((line) => line.startsWith("|"))
  .map((line) => line.split("|").map((cell) => cell.trim()));

const SAMPLES: { readonly [member: string]: unknown } = {
  v: 1,
  tenant: "acme",
  connector: "con_1",
  nonce: "00".repeat(32),
  session: "00".repeat(16),
  kid: "key",
  key: { kty: "OKP", crv: "Ed25519", x: `${"A".repeat(42)}E` },
  signature: "A".repeat(86),
  chain: [],
  keys: [],
  now: 1,
  epoch: 0,
  id: "0",
  token: "token",
  operation: {
    http: { method: "GET", destination: "x", path: "/", query: "", contentDigest: null },
  },
  body: null,
  contentType: null,
  idempotencyKey: null,
  preview: null,
  cap: 1,
  timeoutMs: 1,
  answer: { ok: false, code: "busy", effect: "none" },
  call: "call_1",
  state: "never",
  signal: "token_replayed",
};

describe("the page about the tunnel", () => {
  const frames = rows.filter(([, , from]) => from === "gateway" || from === "connector");

  it("names every frame, with exactly the members it has", () => {
    expect(frames).toHaveLength(18);
    for (const [, t, from, cell = ""] of frames) {
      const members = [...cell.matchAll(/`(\w+)`/g)].map(([, name]) => name ?? "");
      const frame = Object.fromEntries(members.map((name) => [name, SAMPLES[name]]));
      const text = JSON.stringify({ ...frame, t: t?.replaceAll("`", "") });
      const parse = from === "gateway" ? parseToConnector : parseToGateway;
      expect(parse(text), `${t} from ${from}`).not.toBeNull();
      for (const member of members) {
        const { [member]: _gone, ...rest } = frame;
        expect(parse(JSON.stringify({ ...rest, t: t?.replaceAll("`", "") }))).toBeNull();
      }
    }
  });

  it("has the limits in use", () => {
    const limits = rows
      .map(([, , value = ""]) => value.replaceAll(/[^0-9]/g, ""))
      .filter((one) => one !== "");
    for (const limit of [
      BEAT_MS,
      LEASE_MS,
      HANDSHAKE_MS,
      CHALLENGE_MS,
      MAX_HANDSHAKE_FRAME_BYTES,
      MAX_FRAME_BYTES,
      MAX_BODY_BYTES,
      MAX_IN_FLIGHT,
      MAX_OBSERVED_BYTES,
      MAX_UNASKED_BYTES,
      MAX_BUFFERED_BYTES,
    ]) {
      expect(limits).toContain(String(limit));
    }
  });

  it("has every close code, every state and this version", () => {
    const first = rows.map(([, cell]) => cell);
    for (const code of Object.values(CLOSE)) expect(first).toContain(`\`${code}\``);
    for (const state of SEEN_STATES) expect(page).toContain(`\`${state}\``);
    expect(page).toContain(`Version: \`${TUNNEL_VERSION}\``);
    expect(page).toContain(`· version ${TUNNEL_VERSION}:`);
  });
});
