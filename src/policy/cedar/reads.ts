import type { PolicyJson } from "./engine.ts";

/** How policies look at one attribute. Neither whole nor literals: only whether it is there. */
export interface Use {
  whole: boolean;
  /** Integers it is compared with, ascending. */
  numbers: number[];
  /** Strings it is compared with by `==` or `!=`. */
  strings: string[];
}

/** What a set of policies can see of a context: `name`, `arguments.name` or `sources.name` → use. */
export type Reads = "everything" | ReadonlyMap<string, Use>;

/** Attributes that are records: each of their members is looked at by itself. */
export const RECORDS = ["arguments", "sources"] as const;
const ORDER = new Set(["<", "<=", ">", ">="]);
const EQUALITY = new Set(["==", "!="]);

/**
 * Static analysis of policies: which context attributes can influence them. Whatever is not plainly
 * `context.x`, `context.arguments.x`, `context.sources.x` or `… has x` counts as reading everything, so a form of
 * expression that this code does not know makes it slower, never wrong.
 */
export function readsOf(policies: readonly PolicyJson[]): Reads {
  const reads = new Map<string, Use>();
  const known = policies.every((policy) =>
    policy.conditions.every((clause) => walk(clause.body as unknown as Expr, reads)),
  );
  if (!known) return "everything";
  for (const use of reads.values()) {
    use.numbers.sort((a, b) => a - b);
    use.strings.sort();
  }
  return reads;
}

type Expr = { readonly [operator: string]: unknown };

/** False: `context` escapes the analysis. */
function walk(node: Expr, reads: Map<string, Use>): boolean {
  const [operator] = Object.keys(node);
  if (operator === undefined) return true;
  const body = node[operator];
  if (operator === "Value" || operator === "Slot") return true;
  if (operator === "Var") return body !== "context";
  if (operator === ".") {
    const path = pathOf(node);
    if (path === null) return walk((body as { left: Expr }).left, reads);
    useAt(reads, path).whole = true;
    return true;
  }
  if (operator === "has") {
    const { left, attr } = body as { left: Expr; attr: string | readonly string[] };
    const path = pathOf(left);
    if (path === null) return walk(left, reads);
    useAt(reads, [...path, ...(typeof attr === "string" ? [attr] : attr)]);
    return true;
  }
  if (ORDER.has(operator) || EQUALITY.has(operator)) {
    const { left, right } = body as { left: Expr; right: Expr };
    if (compares(operator, left, right, reads) || compares(operator, right, left, reads)) {
      return true;
    }
  }
  return childrenOf(body).every((child) => walk(child, reads));
}

/** `context.x < 3`: all that matters of x is on which side of 3 it stands. */
function compares(operator: string, side: Expr, other: Expr, reads: Map<string, Use>): boolean {
  const path = pathOf(side);
  if (path === null || path.length === 0) return false;
  const literal = other["Value"];
  if (Number.isSafeInteger(literal)) {
    useAt(reads, path).numbers.push(literal as number);
    return true;
  }
  if (typeof literal === "string" && EQUALITY.has(operator)) {
    useAt(reads, path).strings.push(literal);
    return true;
  }
  return false;
}

/** `context.a.b` → ["a", "b"]; `context` → []; anything else → null. */
function pathOf(node: Expr): readonly string[] | null {
  if (node["Var"] === "context") return [];
  const access = node["."] as { left: Expr; attr: string } | undefined;
  if (access === undefined) return null;
  const left = pathOf(access.left);
  return left === null ? null : [...left, access.attr];
}

function useAt(reads: Map<string, Use>, path: readonly string[]): Use {
  const [first = "", second] = path;
  const nested = (RECORDS as readonly string[]).includes(first) && second !== undefined;
  const name = nested ? `${first}.${second}` : first;
  const use = reads.get(name) ?? { whole: false, numbers: [], strings: [] };
  // Deeper than we follow: the whole attribute counts.
  if (path.length > (nested ? 2 : 1)) use.whole = true;
  reads.set(name, use);
  return use;
}

/** Operators hold their operands by name, in a list, or both; all of them are looked at. */
function childrenOf(body: unknown): readonly Expr[] {
  if (typeof body !== "object" || body === null) return [];
  return Object.values(body)
    .flat()
    .filter((value): value is Expr => typeof value === "object" && value !== null);
}
