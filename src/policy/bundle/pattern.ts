export type PatternFault = "invalid" | "slow";

/**
 * Arguments and results are attacker-controlled and JavaScript's regular expressions backtrack:
 * a repeated group that itself repeats or alternates takes exponential time (ReDoS), and so may a
 * back-reference. Both are refused, even where a particular one would be harmless.
 */
export function patternFault(pattern: string): PatternFault | null {
  try {
    new RegExp(pattern, "u");
  } catch {
    return "invalid";
  }
  const groups: { risky: boolean }[] = [{ risky: false }];
  for (let at = 0; at < pattern.length; at++) {
    const char = pattern[at];
    const group = groups.at(-1);
    if (char === "\\") {
      if (/[1-9k]/.test(pattern[at + 1] ?? "")) return "slow";
      at++;
    } else if (char === "[") at = endOfClass(pattern, at);
    else if (char === "(") groups.push({ risky: false });
    else if (char === "|" && group !== undefined) group.risky = true;
    else if (char === ")") {
      const closed = groups.pop();
      const outer = groups.at(-1);
      if (closed?.risky === true) {
        if (repeatsAt(pattern, at + 1)) return "slow";
        if (outer !== undefined) outer.risky = true;
      }
    } else if (repeatsAt(pattern, at) && group !== undefined) group.risky = true;
  }
  return null;
}

/** Without an upper bound: `*`, `+`, `{n,}`. */
function repeatsAt(pattern: string, at: number): boolean {
  const rest = pattern.slice(at, at + 16);
  return /^(?:[*+]|\{\d+,\})/.test(rest);
}

function endOfClass(pattern: string, start: number): number {
  for (let at = start + 1; at < pattern.length; at++) {
    if (pattern[at] === "\\") at++;
    else if (pattern[at] === "]") return at;
  }
  return pattern.length;
}
