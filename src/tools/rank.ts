/** What is looked for in: the words of one tool. */
export interface RankedText {
  readonly id: string;
  readonly title: string;
  readonly description: string;
  readonly argumentNames: readonly string[];
}

/** BM25 as usual: how soon more of a word stops counting, and how much long texts are held back. */
const K1 = 1.2;
const B = 0.75;
/** A word in a tool's name says more about it than one in its description. */
const NAME_WEIGHT = 3;
/** UTF-16 units of a task that are read, and different words of it: more is no question. */
const MAX_TASK_CHARS = 4_096;
const MAX_TASK_WORDS = 64;

interface Posting {
  readonly at: number;
  readonly weight: number;
}

/** Tools by the words of a task. Built once for a bundle; equal scores are in the order of ids. */
export class Ranking {
  readonly #ids: readonly string[];
  readonly #postings = new Map<string, Posting[]>();

  constructor(texts: readonly RankedText[]) {
    const sorted = texts.toSorted((a, b) => (a.id < b.id ? -1 : 1));
    this.#ids = sorted.map(({ id }) => id);
    const counted = sorted.map(countsOf);
    const lengths = counted.map((counts) => sum(counts.values()));
    const average = sum(lengths) / Math.max(1, lengths.length);
    const holders = new Map<string, number>();
    for (const counts of counted) {
      for (const word of counts.keys()) holders.set(word, (holders.get(word) ?? 0) + 1);
    }
    for (const [at, counts] of counted.entries()) {
      const held = K1 * (1 - B + (B * (lengths[at] ?? 0)) / Math.max(1, average));
      for (const [word, count] of counts) {
        const rarity = holders.get(word) ?? 1;
        const idf = Math.log(1 + (sorted.length - rarity + 0.5) / (rarity + 0.5));
        const weight = (idf * count * (K1 + 1)) / (count + held);
        const list = this.#postings.get(word);
        if (list === undefined) this.#postings.set(word, [{ at, weight }]);
        else list.push({ at, weight });
      }
    }
  }

  /** Ids with at least one word of the task, the best first. */
  find(task: string): readonly string[] {
    const words = [...new Set(wordsOf(task.slice(0, MAX_TASK_CHARS)))].slice(0, MAX_TASK_WORDS);
    const scores = new Map<number, number>();
    for (const word of words) {
      for (const { at, weight } of this.#postings.get(word) ?? []) {
        scores.set(at, (scores.get(at) ?? 0) + weight);
      }
    }
    return [...scores]
      .toSorted(([one, a], [other, b]) => b - a || one - other)
      .map(([at]) => this.#ids[at]!);
  }
}

function countsOf({ id, title, description, argumentNames }: RankedText): Map<string, number> {
  const counts = new Map<string, number>();
  const add = (text: string, weight: number): void => {
    for (const word of wordsOf(text)) counts.set(word, (counts.get(word) ?? 0) + weight);
  };
  add(id, NAME_WEIGHT);
  add(title, NAME_WEIGHT);
  add(description, 1);
  for (const name of argumentNames) add(name, 1);
  return counts;
}

/** `customerIds` → `customer`, `id`: words of any script, plurals as singulars. */
function wordsOf(text: string): readonly string[] {
  const words = text
    .replaceAll(/(\p{Ll})(\p{Lu})/gu, "$1 $2")
    .toLowerCase()
    .match(/[\p{L}\p{N}]+/gu);
  return (words ?? []).map(singular);
}

function singular(word: string): string {
  if (word.length < 4 || !word.endsWith("s") || word.endsWith("ss")) return word;
  if (word.endsWith("ies")) return `${word.slice(0, -3)}y`;
  return /(?:[sxz]|ch|sh)es$/.test(word) ? word.slice(0, -2) : word.slice(0, -1);
}

function sum(values: Iterable<number>): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}
