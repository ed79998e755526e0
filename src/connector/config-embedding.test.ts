import { describe, expect, it } from "vitest";
import { readConfig } from "./config.ts";

const env = { DB: "secret", KEY: "k-1", EVIL: "a\r\nhost: b" };

function read(embedding: unknown): unknown {
  const file = {
    network: "acme",
    tier: "internal",
    stateDir: "state",
    destinations: {
      pages: {
        ...{ kind: "postgres", host: "127.0.0.1", database: "d", user: "u" },
        ...{ password: { env: "DB" }, statements: "any", embedding },
      },
    },
  };
  const result = readConfig(JSON.stringify(file), "/etc/postern/connector.jsonc", env);
  if (!result.ok) return result.mistakes.map(({ at, code }) => `${at} ${code}`);
  const pages = result.config.destinations.get("pages");
  return pages?.kind === "postgres" ? pages.embedding : null;
}

const endpoint = {
  ...{ kind: "endpoint", dimensions: 384, model: "small-1" },
  url: "https://models.internal/v1/embeddings",
};

describe("the embedding of a destination", () => {
  it("is a function of our own, or an endpoint", () => {
    expect(read({ kind: "hashed-ngrams", dimensions: 16_000 })).toEqual({
      ...{ kind: "hashed-ngrams", dimensions: 16_000 },
    });
    expect(read(endpoint)).toMatchObject({ ...endpoint, token: null });
    expect(read({ ...endpoint, token: { env: "KEY" } })).toMatchObject({
      ...endpoint,
      token: { value: "k-1" },
    });
    expect(read({ ...endpoint, url: "http://127.0.0.1:1/e" })).toMatchObject({ kind: "endpoint" });
  });

  it.each<[string, unknown, readonly string[]]>([
    ["no kind", { dimensions: 3 }, [" missing_key"]],
    ["another kind", { kind: "magic", dimensions: 3 }, [".kind invalid_value"]],
    ["no dimensions", { kind: "hashed-ngrams" }, [" missing_key"]],
    ["no room", { kind: "hashed-ngrams", dimensions: 0 }, [".dimensions invalid_value"]],
    ["too much", { kind: "hashed-ngrams", dimensions: 16_001 }, [".dimensions invalid_value"]],
    [
      "a URL it has no use for",
      { ...endpoint, kind: "hashed-ngrams" },
      [".model unknown_key", ".url unknown_key"],
    ],
    ["questions in clear", { ...endpoint, url: "http://models.internal/" }, [".url invalid_value"]],
    [
      "a name that begins like this machine's",
      { ...endpoint, url: "http://127.0.0.1.evil.example/" },
      [".url invalid_value"],
    ],
    [
      "a user in the URL",
      { ...endpoint, url: "https://u:p@models.internal/" },
      [".url invalid_value"],
    ],
    ["another scheme", { ...endpoint, url: "file:///etc/passwd" }, [".url invalid_value"]],
    ["a secret in the file", { ...endpoint, token: "k-1" }, [".token wrong_type"]],
    [
      "a secret that begins another header",
      { ...endpoint, token: { env: "EVIL" } },
      [".token.env invalid_value"],
    ],
  ])("with %s is a mistake at its place", (_, embedding, mistakes) => {
    expect(([read(embedding)].flat() as string[]).toSorted()).toEqual(
      mistakes.map((mistake) => `destinations.pages.embedding${mistake}`),
    );
  });
});
