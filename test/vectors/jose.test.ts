import { describe, expect, it } from "vitest";
import { importKeys } from "../../src/identity/keys.ts";
import { verifyJws } from "../../src/identity/jws.ts";
import { fixedKeys } from "../../src/sdk/verify.ts";
import { parseJws } from "../../src/sdk/jws.ts";
import { checkSignature } from "../../src/sdk/keys.ts";
import { readVectors } from "./vectors.ts";

/**
 * Wycheproof's JSON Web Signature and JSON Web Key cases. A key is read as production reads it: its
 * algorithm is pinned when it is imported, and a token chooses nothing.
 */
interface Group {
  readonly comment: string;
  readonly public?: object;
  readonly private: object;
  readonly tests: readonly Case[];
}
interface Case {
  readonly tcId: number;
  readonly comment: string;
  readonly jws: unknown;
  readonly result: "valid" | "invalid";
}

type Verdict = "accepted" | "refused" | "no usable key";

const ACCEPTED = ["EdDSA", "ES256", "RS256"] as const;
const signatures = readVectors("jose/json_web_signature_test.json");
const keys = readVectors("jose/json_web_key_test.json");

function groupsOf(text: string): readonly Group[] {
  return (JSON.parse(text) as { testGroups: readonly Group[] }).testGroups;
}

/** A group's key, or key set, as the document somebody would publish. */
function published(group: Group): object {
  const document = group.public ?? group.private;
  return "keys" in document ? document : { keys: [document] };
}

function verdictOf(group: Group, { jws }: Case): Verdict {
  const imported = importKeys(published(group), ACCEPTED);
  if (!imported.ok) return "no usable key";
  return verifyJws(text(jws), [null], imported.ring).ok ? "accepted" : "refused";
}

/** The same through the verifier that tools use. It takes no RS256: call tokens never have it. */
async function toolVerdictOf(group: Group, { jws }: Case): Promise<Verdict> {
  const ring = await fixedKeys(published(group)).ringFor(null, 0);
  if (ring === null) return "no usable key";
  const parsed = parseJws(text(jws), [null]);
  if (!parsed.ok) return "refused";
  return (await checkSignature(parsed.jws, ring)) === null ? "accepted" : "refused";
}

/** A few cases are JSON serialisations: what arrives in a header is text all the same. */
function text(jws: unknown): string {
  return typeof jws === "string" ? jws : JSON.stringify(jws);
}

function algorithmOf({ jws }: Case): string {
  const [header = ""] = text(jws).split(".");
  return (JSON.parse(Buffer.from(header, "base64url").toString()) as { alg: string }).alg;
}

function tally(names: readonly string[]): { [name: string]: number } {
  const counts: { [name: string]: number } = {};
  for (const name of names.toSorted()) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}

describe.skipIf(signatures === null)("401 JSON Web Signature cases", () => {
  const cases = groupsOf(signatures ?? '{"testGroups":[]}').flatMap((group) =>
    group.tests.map((one) => ({ group, one, verdict: verdictOf(group, one) })),
  );
  const invalid = cases.filter(({ one }) => one.result === "invalid");
  const valid = cases.filter(({ one }) => one.result === "valid");

  it("are all there", () => {
    expect(cases).toHaveLength(401);
    expect(invalid).toHaveLength(355);
    expect(valid).toHaveLength(46);
  });

  it("that are invalid are refused, every one of the 355", () => {
    expect(
      invalid.filter(({ verdict }) => verdict === "accepted").map(({ one }) => one.tcId),
    ).toEqual([]);
  });

  it("that are invalid are refused by the verifier of tools, too", async () => {
    const verdicts = await Promise.all(invalid.map(({ group, one }) => toolVerdictOf(group, one)));
    expect(verdicts.filter((verdict) => verdict === "accepted")).toEqual([]);
  });

  it("that are invalid under our algorithms are refused for the case, not for want of a key", () => {
    const reached = invalid.filter(({ verdict }) => verdict === "refused");
    expect(tally(reached.map(({ group }) => group.comment))).toEqual({
      SpecialCaseEs256: 23,
      es256: 14,
      rs256: 225,
    });
  });

  it("that are valid ES256 and RS256 are accepted", () => {
    const ours = valid.filter(({ one }) =>
      (ACCEPTED as readonly string[]).includes(algorithmOf(one)),
    );
    expect(tally(ours.map(({ one }) => algorithmOf(one)))).toEqual({ ES256: 2, RS256: 8 });
    expect(ours.filter(({ verdict }) => verdict !== "accepted").map(({ one }) => one.tcId)).toEqual(
      [],
    );
  });

  it("that are valid ES256 are accepted by the verifier of tools", async () => {
    const ours = valid.filter(({ one }) => algorithmOf(one) === "ES256");
    const verdicts = await Promise.all(ours.map(({ group, one }) => toolVerdictOf(group, one)));
    expect(verdicts).toEqual(["accepted", "accepted"]);
  });

  it("that are valid under other algorithms are unsupported: no key of theirs is usable here", () => {
    const others = valid.filter(
      ({ one }) => !(ACCEPTED as readonly string[]).includes(algorithmOf(one)),
    );
    expect(tally(others.map(({ one }) => algorithmOf(one)))).toEqual({
      ES512: 2,
      HS256: 10,
      PS256: 6,
      PS384: 6,
      PS512: 4,
      RS384: 4,
      RS512: 4,
    });
    expect(new Set(others.map(({ verdict }) => verdict))).toEqual(new Set(["no usable key"]));
  });
});

describe.skipIf(keys === null)("26 JSON Web Key cases", () => {
  const cases = groupsOf(keys ?? '{"testGroups":[]}').flatMap((group) =>
    group.tests.map((one) => ({ group, one, verdict: verdictOf(group, one) })),
  );

  it("that are invalid are refused, every one of the 21", () => {
    const invalid = cases.filter(({ one }) => one.result === "invalid");
    expect(cases).toHaveLength(26);
    expect(invalid).toHaveLength(21);
    expect(
      invalid.filter(({ verdict }) => verdict === "accepted").map(({ one }) => one.tcId),
    ).toEqual([]);
  });

  it("that are valid RS256 are accepted, and HMAC is unsupported", () => {
    const valid = cases.filter(({ one }) => one.result === "valid");
    expect(valid.map(({ one, verdict }) => [one.tcId, algorithmOf(one), verdict])).toEqual([
      [2, "HS256", "no usable key"],
      [5, "RS256", "accepted"],
      [13, "HS256", "no usable key"],
      [14, "HS384", "no usable key"],
      [15, "HS512", "no usable key"],
    ]);
  });
});
