import { afterAll, describe, expect, it } from "vitest";
import { PostgresExecutor } from "./postgres.ts";
import { execution, postgresDestination } from "./testing-postgres.ts";

/** No server stands there: what fails before a connection is made fails without one. */
const absent = { host: "/nowhere" };
const embedding = { kind: "hashed-ngrams", dimensions: 4 } as const;
const executor = new PostgresExecutor(postgresDestination({ ...absent, embedding }));
const plain = new PostgresExecutor(postgresDestination(absent));
const asked = { statement: "select 1", params: ["text"], embed: [0] } as const;

afterAll(() => Promise.all([executor.close(), plain.close()]));

describe("an operation with texts to embed", () => {
  it("goes on to the database once the texts are vectors", async () => {
    const code = "connection_refused";
    expect(await executor.execute(execution(asked))).toMatchObject({ ok: false, code });
  });

  it("stands in the journal before a text may leave", async () => {
    const journal = (): Promise<boolean> => Promise.resolve(false);
    expect(await executor.execute(execution(asked, { journal }))).toEqual({
      ...{ ok: false, code: "audit_unavailable", effect: "none" },
    });
  });

  it("is not begun after its deadline", async () => {
    const signal = AbortSignal.abort();
    expect(await executor.execute(execution(asked, { signal }))).toEqual({
      ...{ ok: false, code: "deadline_exceeded", effect: "none" },
    });
  });

  it("is nothing for a destination without an embedding", async () => {
    expect(await plain.execute(execution(asked))).toEqual({
      ...{ ok: false, code: "destination_not_found", effect: "none" },
    });
  });
});
