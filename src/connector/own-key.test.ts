import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { verifyText, type Ed25519Jwk } from "../tunnel/keys.ts";
import { OwnKey } from "./own-key.ts";
import { type ConnectorState, generateKey, makeStateDir, readState, writeState } from "./state.ts";

const TEXT = "postern-rotate";
let dir: string;
const first = generateKey();
const state: ConnectorState = {
  connector: "con_1",
  tenant: "acme",
  network: "acme",
  tier: "internal",
  issuer: "i",
  audience: "a",
  keys: [{ kty: "OKP", crv: "Ed25519", x: first.x }],
};

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "postern-own-key-"));
  await makeStateDir(dir);
  await writeState(dir, first, state);
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const signs = (own: OwnKey, key: Ed25519Jwk): boolean => verifyText(key, "x", own.sign("x"));
/** As after a restart. */
const reopened = async (): Promise<OwnKey> => OwnKey.open(dir, (await readState(dir))!.key);

describe("a connector's own key", () => {
  it("is the one of before until the gateway says that it has the next one", async () => {
    const own = await OwnKey.open(dir, first);
    const { key, signature } = (await own.offer(TEXT))!;
    expect(verifyText(key, TEXT, signature)).toBe(true);
    expect([signs(own, first), signs(own, key)]).toEqual([true, false]);
    await own.taken();
    expect([signs(own, first), signs(own, key)]).toEqual([false, true]);
    expect((await readState(dir))?.key.x).toBe(key.x);
    expect(await readdir(dir)).not.toContain("key.next.json");
  });

  it("is found again by trying both, where it died before it heard", async () => {
    const { key } = (await (await OwnKey.open(dir, first)).offer(TEXT))!;
    const own = await reopened();
    expect(signs(own, first)).toBe(true);
    own.failed();
    expect(signs(own, key)).toBe(true);
    own.failed();
    expect(signs(own, first)).toBe(true);
    // The gateway still has the one of before: nothing is thrown away.
    await own.began();
    expect(signs(await reopened(), first)).toBe(true);
    own.failed();
    await own.began();
    expect(signs(await reopened(), key)).toBe(true);
    own.failed();
    expect(signs(own, key)).toBe(true);
  });

  it("is followed by one key at a time, however often it is asked for", async () => {
    const own = await OwnKey.open(dir, first);
    const [one, two] = await Promise.all([own.offer(TEXT), own.offer(TEXT)]);
    expect(two?.key).toEqual(one?.key);
    expect((await (await reopened()).offer(TEXT))?.key).toEqual(one?.key);
    await own.taken();
    await own.taken();
    expect((await own.offer(TEXT))?.key).not.toEqual(one?.key);
  });

  it("offers nothing that it cannot keep", async () => {
    const own = await OwnKey.open(dir, first);
    await rm(dir, { recursive: true });
    expect(await own.offer(TEXT)).toBeNull();
    expect(signs(own, first)).toBe(true);
    await makeStateDir(dir);
    expect(await own.offer(TEXT)).not.toBeNull();
    await own.settled();
  });
});
