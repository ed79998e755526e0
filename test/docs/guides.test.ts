import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { freePort } from "../../examples/acme/demo/ports.ts";
import { ROOT, Running } from "../acceptance/support/process.ts";
import { follow } from "./follow.ts";
import { applyDiff, readGuide } from "./guide.ts";
import {
  type OwnDatabase,
  type OwnDesk,
  startDatabase,
  startDesk,
  writeNotes,
} from "./own-services.ts";

const folder = mkdtempSync(join(tmpdir(), "guide-"));
const signIn = join(folder, "print-id-token");
const idp = new Running("idp", [process.execPath, `${ROOT}examples/acme/idp/server.ts`]);
let issuer: string;
let database: OwnDatabase;
let desk: OwnDesk;

beforeAll(async () => {
  const ready = idp.ready();
  [database, desk] = await Promise.all([startDatabase(folder), startDesk()]);
  issuer = String((await ready)["issuer"]);
  const words = [process.execPath, `${ROOT}examples/acme/idp/sign-in.ts`, issuer, "dana"];
  const command = words.map((word) => `'${word}'`).join(" ");
  writeFileSync(signIn, `#!/bin/sh\nexec ${command}\n`, { mode: 0o700 });
});

afterAll(async () => {
  await idp.stop();
  await desk[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

/** A dozen processes one after another; on a busy machine each takes seconds. */
const CHAIN_MS = 600_000;
const RANGE = "10.20.0.0/24";

/** What a reader has in the place of what the guide's table names. */
const OWN: { readonly [guide: string]: () => { readonly [placeholder: string]: string } } = {
  postgres: () => ({ "my-shop": join(folder, "shop"), "db.internal": folder, [RANGE]: RANGE }),
  http: () => ({
    "my-desk": join(folder, "desk"),
    "https://desk.internal": desk.origin,
    [RANGE]: RANGE,
  }),
  mcp: () => ({ "my-notes": join(folder, "notes"), "/opt/notes/notes-mcp": writeNotes(folder) }),
};

/** It needs an account, and says so on its first lines. */
const NEEDS_AN_ACCOUNT = "cloudflare.md";

describe("the guides", () => {
  it("are all followed, but for one that needs an account", () => {
    const all = readdirSync(join(ROOT, "docs", "guides"));
    expect(all).toContain(NEEDS_AN_ACCOUNT);
    const written = all.filter((name) => name !== NEEDS_AN_ACCOUNT);
    expect(written.toSorted()).toEqual(
      Object.keys(OWN)
        .map((name) => `${name}.md`)
        .toSorted(),
    );
  });

  it.concurrent.each(Object.keys(OWN))(
    "%s: every command does what is said",
    async (name) => {
      const guide = readGuide(`${name}.md`);
      const own = {
        "https://login.example.com": issuer,
        "print-id-token": signIn,
        "http://127.0.0.1:8787": `http://127.0.0.1:${await freePort(0)}`,
        ...OWN[name]!(),
      };
      expect(guide.placeholders.toSorted()).toEqual(Object.keys(own).toSorted());
      const cache = join(folder, "compiled");
      await follow(guide, { own, sql: database.exec, env: { NODE_COMPILE_CACHE: cache } });
    },
    CHAIN_MS,
  );
});

describe("an edit of a guide", () => {
  it("takes its lines out and puts its lines in", () => {
    expect(applyDiff("a\nb\nc\n", " a\n-b\n+B\n+BB\n c")).toBe("a\nB\nBB\nc\n");
  });

  it.each([
    ["that the file does not have", "a\nc\n"],
    ["that the file has twice", "a\nb\na\nb\n"],
  ])("is refused for lines %s", (_, text) => {
    expect(() => applyDiff(text, " a\n-b")).toThrow("it fits in");
  });
});
