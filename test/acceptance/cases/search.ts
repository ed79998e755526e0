import { describe, expect, it } from "vitest";
import type { Outcome, Workflow } from "../support/workflow.ts";
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
}
