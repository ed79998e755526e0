import { AgentProcess } from "./agent-process.ts";
import { rowOf, type Hit, type Row } from "./row.ts";
import { ok, rowDifferences, type Expected } from "./expected.ts";
import type { Workspace } from "./workspace.ts";

/** The page that answers the first question, and the one that is asked for in other words. */
const REFUNDS = "acme-handbook/refunds#who-may-refund-how-much";
const HITS = 5;

/** Agents look something up: by words and, where the database knows vectors, by likeness. */
export async function runLibrary(
  workspace: Workspace,
  vectors: boolean,
  show: (row: Row) => void,
): Promise<readonly Row[]> {
  const rows: Row[] = [];
  const run = async (person: "dana" | "olga", name: "search" | "similar"): Promise<void> => {
    const agent = await AgentProcess.start(workspace, person, name);
    try {
      for (let step = await agent.next(); step !== null; step = await agent.next()) {
        const row = rowOf({ ...step, title: `${person}: ${step.title}` });
        rows.push(row);
        show(row);
      }
    } finally {
      await agent.stop();
    }
  };
  await run("dana", "search");
  if (!vectors) return rows;
  await run("dana", "similar");
  await run("olga", "similar");
  return rows;
}

/** Operations learn which pages there are, and nothing of what stands on them. */
const withoutSnippets: Expected = {
  ...ok("olga: find similar pages", "documents_similar"),
  outcome: "partial_result",
  ruleIds: ["default:data"],
  redactions: Array.from(
    { length: HITS },
    (_, at) => `/rows/${at}/snippet document.snippet default:data`,
  ),
};

const EXPECTED_SEARCHES: readonly Expected[] = [
  ok("dana: search who may refund", "documents_search"),
  ok("dana: search salaries", "documents_search"),
];
const EXPECTED_SIMILAR: readonly Expected[] = [
  ok("dana: find similar pages", "documents_similar"),
  withoutSnippets,
];

/** Pages that a filter has to keep back: of employees' affairs, and of who shares the service. */
const CLOSED = /^globex-|^acme-handbook\/(?:salaries|leave|reviews)#/;

export function libraryDifferences(rows: readonly Row[], vectors: boolean): readonly string[] {
  const wanted = vectors ? [...EXPECTED_SEARCHES, ...EXPECTED_SIMILAR] : EXPECTED_SEARCHES;
  return [...rowDifferences(rows, wanted), ...rows.flatMap(hitFaults)];
}

function hitFaults({ title, hits = [], outcome }: Row): string[] {
  const faults = hits
    .filter(({ id }) => CLOSED.test(id))
    .map(({ id }) => `${title}: the agent was given ${id}`);
  if (hits.length !== HITS) faults.push(`${title}: ${hits.length} hits, not ${HITS}`);
  if (!title.includes("salaries") && !hits.some(({ id }) => id === REFUNDS)) {
    faults.push(`${title}: ${REFUNDS} is not among the hits`);
  }
  if (hits.some(({ snippet }) => (snippet === null) !== (outcome === "partial_result"))) {
    faults.push(`${title}: an excerpt is there that should not be, or the other way round`);
  }
  return faults.concat(unsorted(hits) ? [`${title}: the best hit does not come first`] : []);
}

function unsorted(hits: readonly Hit[]): boolean {
  return hits.some(({ score }, at) => score > (hits[at - 1]?.score ?? Infinity));
}
