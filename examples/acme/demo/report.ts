import pc from "picocolors";
import type { Row } from "./row.ts";

/** Widths of the table's columns, in characters; the last one takes what is left. */
const TITLE_WIDTH = 31;
const TOOL_WIDTH = 16;
const OUTCOME_WIDTH = 15;
const MS_WIDTH = 9;

export function headline(): string {
  const cells = [
    "step".padEnd(TITLE_WIDTH),
    "tool".padEnd(TOOL_WIDTH),
    "outcome".padEnd(OUTCOME_WIDTH),
    "ms".padStart(MS_WIDTH),
    " rules",
  ];
  return pc.dim(cells.join(" "));
}

export function line(row: Row): string {
  const cells = [
    row.title.padEnd(TITLE_WIDTH),
    row.tool.padEnd(TOOL_WIDTH),
    colour(row)(row.outcome.padEnd(OUTCOME_WIDTH)),
    row.ms.toFixed(1).padStart(MS_WIDTH),
    ` ${because(row)}`,
  ];
  return cells.join(" ").trimEnd();
}

function because({ code, ruleIds, redactions, dropped }: Row): string {
  const parts = [
    ...(code === null ? [] : [code]),
    ...ruleIds,
    ...(redactions.length === 0 ? [] : [pc.dim(`${redactions.length} fields null`)]),
    ...(dropped === 0 ? [] : [pc.dim(`${dropped} record left out`)]),
  ];
  return parts.join(" · ");
}

function colour({ outcome }: Row): (text: string) => string {
  switch (outcome) {
    case "ok":
      return pc.green;
    case "partial_result":
      return pc.yellow;
    case "policy_denied":
    case "refused":
      return pc.magenta;
    default:
      return pc.red;
  }
}
