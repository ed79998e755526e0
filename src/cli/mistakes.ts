import type { Told } from "../policy/bundle/mistake.ts";
import { formatMistakes } from "../policy/bundle/mistake.ts";
import { pc } from "./output.ts";

export function mistakeLines(mistakes: readonly Told[]): string {
  const count = `${mistakes.length} ${mistakes.length === 1 ? "mistake" : "mistakes"}`;
  return `${formatMistakes(mistakes)}\n${pc.red(count)}`;
}
