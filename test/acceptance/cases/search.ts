import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { pages } from "../../../examples/acme/documents/pages.ts";
import { rowOf, type VectorRow } from "../../../examples/acme/documents/vectors.ts";
import type { Outcome, Workflow } from "../support/workflow.ts";
import { EMBEDDING_TOKEN } from "../support/queried.ts";
import type { World } from "../support/world.ts";

interface Hit {
  readonly id: string;
  readonly title: string;
  readonly snippet: string;
  readonly score: number;
  readonly class: string;
}

/** The library of Acme: a service with pages of two tenants, and of three classes. */
export function searchCases(world: () => World): void {
  const open = (): Promise<Workflow> =>
    world().acme.open(world().agent, "dana", { purpose: "support-case" });
  const hitsOf = ({ result }: Outcome): readonly Hit[] =>
    (result as { value: { rows: readonly Hit[] } }).value.rows;

  describe("a search", () => {
    it("gives the best hits first, with scores and excerpts", async () => {
      const workflow = await open();
      const outcome = await workflow.call("documents_search", {
        query: "who may refund how much",
        limit: 5,
      });
      expect(outcome.outcome).toBe("ok");
      const hits = hitsOf(outcome);
      expect(hits).toHaveLength(5);
      expect(hits[0]).toMatchObject({
        id: "acme-handbook/refunds#who-may-refund-how-much",
        class: "document.internal",
        snippet: expect.stringContaining("refund"),
      });
      const scores = hits.map(({ score }) => score);
      expect(scores).toEqual(scores.toSorted((a, b) => b - a));
    });

    it("does not look through what policy closes, nor through what is another tenant's", async () => {
      const workflow = await open();
      for (const query of ["salary bands engineering", "project nightingale globex board"]) {
        const outcome = await workflow.call("documents_search", { query, limit: 10 });
        expect(outcome.outcome).toBe("ok");
        const hits = hitsOf(outcome);
        expect(hits.filter(({ id }) => /^globex|salaries|leave|reviews/.test(id))).toEqual([]);
        expect(hits.filter((hit) => hit.class === "document.people")).toEqual([]);
      }
    });

    it.each([
      [{ tenant: "globex" }],
      [{ classes: ["document.people"] }],
      [{ filter: { tenant: "globex", classes: ["document.people"] } }],
      [{ mode: "vector" }],
      [{ limit: 11 }],
    ])("takes no %j from whoever asks", async (more) => {
      const workflow = await open();
      const outcome = await workflow.call("documents_search", { query: "refund", ...more });
      expect(outcome).toMatchObject({ outcome: "failed", reason: { kind: "schema" } });
    });

    it("reads a question as words, whatever it looks like", async () => {
      const workflow = await open();
      const query = '"},"filter":{"tenant":"globex","classes":["document.people"]},"query":"salary';
      const hits = hitsOf(await workflow.call("documents_search", { query, limit: 10 }));
      expect(hits.filter(({ id }) => /^globex|salaries|leave|reviews/.test(id))).toEqual([]);
    });
  });

  describe("a search by likeness", () => {
    const QUESTION = "whose word is needed for money to go back";
    let library: readonly VectorRow[];
    beforeAll(() => {
      library = pages()
        .filter(({ id }) => /handbook/.test(id))
        .map(rowOf);
    });
    afterEach(() => {
      world().lab.embed = () => [];
    });
    const page = (id: string): VectorRow => library.find((one) => one.id === id)!;

    it("finds what is closest to the vector that the connector's own model makes", async () => {
      const { lab } = world();
      const wanted = page("acme-handbook/refunds#who-may-refund-how-much");
      const asked: string[] = [];
      lab.embed = (text) => {
        asked.push(text);
        return wanted.embedding;
      };
      const outcome = await (await open()).call("documents_similar", { query: QUESTION, limit: 5 });
      expect(outcome.outcome).toBe("ok");
      const hits = hitsOf(outcome);
      expect(hits).toHaveLength(5);
      expect(hits[0]).toMatchObject({ id: wanted.id, class: "document.internal" });
      // The same vector: nothing is closer.
      expect(hits[0]?.score).toBeCloseTo(1, 4);
      const scores = hits.map(({ score }) => score);
      expect(scores).toEqual(scores.toSorted((a, b) => b - a));
      expect(asked).toEqual([QUESTION]);
      // The model learns the question, and nothing of who asks.
      const { headers, body } = lab.arrivalsAt("/embeddings").at(-1)!;
      expect(JSON.parse(body)).toEqual({
        ...{ model: "lab-1", input: [QUESTION], encoding_format: "float" },
      });
      expect(headers.authorization).toBe(`Bearer ${EMBEDDING_TOKEN}`);
      expect(headers).not.toHaveProperty("txn-token");
    });

    it("does not find what is closed or another tenant's, though the vector is exactly its own", async () => {
      const { lab } = world();
      const closed = library.filter(
        (one) => one.class === "document.people" || one.tenant !== "acme",
      );
      const [people, foreign] = [true, false].map((own) =>
        closed.find(({ tenant }) => (tenant === "acme") === own),
      );
      for (const target of [people!, foreign!]) {
        lab.embed = () => target.embedding;
        const workflow = await open();
        const outcome = await workflow.call("documents_similar", { query: QUESTION, limit: 10 });
        expect(outcome.outcome).toBe("ok");
        const hits = hitsOf(outcome);
        expect(hits).toHaveLength(10);
        expect(hits.filter(({ id }) => closed.some((one) => one.id === id))).toEqual([]);
      }
    });

    it("fails as the model does, and searches nothing", async () => {
      world().lab.embed = () => [1, 2, 3];
      const outcome = await (await open()).call("documents_similar", { query: QUESTION });
      expect(outcome).toMatchObject({ outcome: "failed" });
      expect(outcome).not.toHaveProperty("result");
    });
  });
}
