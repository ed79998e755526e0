export type PatternFault = "invalid" | "slow";

/** Ways to match one text that may be tried in vain: at this many, some milliseconds. */
const MAX_WAYS = 65_536;

/**
 * Arguments and results are attacker-controlled and JavaScript's regular expressions backtrack:
 * a repeated group that itself repeats or alternates takes exponential time (ReDoS), and so may a
 * back-reference. Both are refused, even where a particular one would be harmless. A bound on the
 * repeats helps only when it is small: `(a{1,20}){1,20}` takes a minute.
 */
export function patternFault(pattern: string): PatternFault | null {
  try {
    new RegExp(pattern, "u");
  } catch {
    return "invalid";
  }
  // How many ways a group may match: infinite with an endless repeat in it.
  const groups: { ways: number }[] = [{ ways: 1 }];
  for (let at = 0; at < pattern.length; at++) {
    const char = pattern[at];
    const group = groups.at(-1);
    if (group === undefined) return "invalid";
    if (char === "\\") {
      if (/[1-9k]/.test(pattern[at + 1] ?? "")) return "slow";
      at++;
    } else if (char === "[") at = endOfClass(pattern, at);
    else if (char === "(") {
      groups.push({ ways: 1 });
      // `(?:`, `(?=` and the like: no repeat.
      if (pattern[at + 1] === "?") at++;
    } else if (char === "|") group.ways *= 2;
    else if (char === ")") {
      const { ways } = groups.pop() ?? group;
      const { most } = repeatAt(pattern, at + 1) ?? ONCE;
      if (ways > 1 && most > 1 && ways ** most > MAX_WAYS) return "slow";
      const outer = groups.at(-1);
      if (ways > 1 && outer !== undefined) outer.ways *= ways ** most;
    } else {
      const repeat = repeatAt(pattern, at);
      if (repeat === null) continue;
      group.ways *= repeat.most - repeat.least + 1;
      at += repeat.length - 1;
    }
  }
  return null;
}

interface Repeat {
  readonly least: number;
  readonly most: number;
  readonly length: number;
}

const ONCE: Repeat = { least: 1, most: 1, length: 0 };

/** `*`, `+`, `?`, `{n}`, `{n,}`, `{n,m}`, each also lazy. */
function repeatAt(pattern: string, at: number): Repeat | null {
  const form = /(?:([*+?])|\{(\d+)(,(\d*))?\})\??/y;
  form.lastIndex = at;
  const found = form.exec(pattern);
  if (found === null) return null;
  const [{ length }, sign, from, comma, to] = found;
  if (sign !== undefined) {
    return { least: sign === "+" ? 1 : 0, most: sign === "?" ? 1 : Infinity, length };
  }
  const least = Number(from);
  const most = comma === undefined ? least : to === "" ? Infinity : Number(to);
  return { least, most, length };
}

function endOfClass(pattern: string, start: number): number {
  for (let at = start + 1; at < pattern.length; at++) {
    if (pattern[at] === "\\") at++;
    else if (pattern[at] === "]") return at;
  }
  return pattern.length;
}
