import type { BundleView } from "../../core/model/bundle.ts";
import type { OpenCommand } from "../../core/model/command.ts";
import type { CallAdmitted } from "../../core/model/event.ts";
import type { SourceMemory } from "../../gateway/ports.ts";
import { Corpus, type CorpusSource, sourcesOf } from "../../tools/sources.ts";
import type { NodeSession } from "./session.ts";
import { place } from "./session-store.ts";

/** Workflows whose texts are in memory; the longest untouched leaves and is read again. */
const MAX_CORPORA = 256;
/** UTF-16 units of all of them together: at most 32 MB. */
const MAX_KEPT_CHARS = 16 * 1_024 * 1_024;
/**
 * Results read again of one workflow, and how many characters of them: reading is one piece of work
 * between two other calls. What comes after them is of unknown source.
 */
const MAX_RESULTS = 1_000;
const MAX_RESULT_CHARS = 16 * 1_024 * 1_024;

interface Memory {
  readonly corpus: Corpus;
  /** Digest of the bundle that said which tools are trusted; null: none is active. */
  readonly bundle: string | null;
}

/**
 * In memory, and only of workflows that somebody asked about: most tools declare no argument of
 * which policy wants to know the source.
 */
export function nodeSources(
  load: (tenant: string, workflow: string) => NodeSession | null,
  bundle: (tenant: string) => BundleView | null,
): SourceMemory {
  const memories = new Map<string, Memory>();
  return {
    async lookup({ tenant, workflow }, texts) {
      const id = place(tenant, workflow);
      const view = bundle(tenant);
      let memory = memories.get(id);
      memories.delete(id);
      // A tool that is trusted no longer was wrong before, too.
      if (memory === undefined || memory.bundle !== (view?.digest ?? null)) {
        memory = { corpus: readAgain(load(tenant, workflow), view), bundle: view?.digest ?? null };
      }
      memories.set(id, memory);
      forget(memories);
      const { corpus } = memory;
      return Object.fromEntries(
        [...texts].map(([name, wanted]) => [name, sourcesOf(wanted, corpus)]),
      );
    },
    learn({ tenant, workflow }, call, result) {
      const memory = memories.get(place(tenant, workflow));
      const view = bundle(tenant);
      // Of another bundle, it is read again before it is asked.
      if (memory === undefined || memory.bundle !== (view?.digest ?? null)) return;
      memory.corpus.addResult(sourceOf(call, view), result);
    },
  };
}

/** The longest untouched go, never the one that was asked about: it is the last. */
function forget(memories: Map<string, Memory>): void {
  let kept = 0;
  for (const { corpus } of memories.values()) kept += corpus.size;
  for (const [id, { corpus }] of memories) {
    if (memories.size === 1 || (memories.size <= MAX_CORPORA && kept <= MAX_KEPT_CHARS)) return;
    memories.delete(id);
    kept -= corpus.size;
  }
}

function readAgain(session: NodeSession | null, bundle: BundleView | null): Corpus {
  const corpus = new Corpus();
  const input = session?.unseal(0, "input");
  if (session === null || input == null) return corpus;
  const { command } = JSON.parse(input) as { command: OpenCommand };
  corpus.addValue("human", command.inputs);
  let read = 0;
  for (const { admitted, outcome, chars } of session.outcomes(MAX_RESULTS)) {
    read += chars;
    if (read > MAX_RESULT_CHARS) break;
    if ("result" in outcome) corpus.addResult(sourceOf(admitted, bundle), outcome.result);
  }
  return corpus;
}

/** A tool whose description changed since is not the one that was trusted. */
function sourceOf(
  { tool: id, definition }: Pick<CallAdmitted, "tool" | "definition">,
  bundle: BundleView | null,
): CorpusSource {
  const tool = bundle?.tool(id);
  return tool?.definition === definition && tool.trusted ? "trusted" : "untrusted";
}
