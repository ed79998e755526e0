import { pc } from "./colour.ts";
import type { Row } from "./row.ts";

/** Widths of the table's columns, in characters: together a little less than a narrow terminal. */
const TITLE_WIDTH = 30;
const TOOL_WIDTH = 16;
const OUTCOME_WIDTH = 23;
const MS_WIDTH = 7;

export function headline(): string {
  const cells = [
    "step".padEnd(TITLE_WIDTH),
    "tool".padEnd(TOOL_WIDTH),
    "outcome".padEnd(OUTCOME_WIDTH),
    "ms".padStart(MS_WIDTH),
  ];
  return pc.dim(cells.join(" "));
}

/** One line, and below it why, where there is something to say. */
export function lines(row: Row): string {
  const cells = [
    row.title.padEnd(TITLE_WIDTH),
    row.tool.padEnd(TOOL_WIDTH),
    colour(row)(row.outcome.padEnd(OUTCOME_WIDTH)),
    row.ms.toFixed(1).padStart(MS_WIDTH),
  ];
  const why = [...because(row), ...row.change.map((line) => pc.cyan(line)), ...found(row)].map(
    (reason) => `\n  ${pc.dim("↳")} ${reason}`,
  );
  return cells.join(" ") + why.join("");
}

/** Characters of a title, so that a hit is one line of a narrow terminal. */
const HIT_WIDTH = 60;

function found({ hits = [] }: Row): string[] {
  return hits.map(({ score, title }) => {
    const shown = title.length > HIT_WIDTH ? `${title.slice(0, HIT_WIDTH - 1)}…` : title;
    return `${pc.dim(score.toFixed(2).padStart(5))} ${pc.cyan(shown)}`;
  });
}

function because({ code, ruleIds, redactions, dropped }: Row): string[] {
  const decided = [...(code === null ? [] : [code]), ...ruleIds].join(" · ");
  const missing = [
    ...(redactions.length === 0 ? [] : [`${redactions.length} fields are null`]),
    ...(dropped === 0 ? [] : [`${dropped} record is left out`]),
  ].join(", ");
  return [decided, missing].filter((one) => one !== "");
}

function colour({ outcome }: Row): (text: string) => string {
  switch (outcome) {
    case "ok":
    case "approved":
      return pc.green;
    case "partial_result":
    case "human_approval_required":
      return pc.yellow;
    case "policy_denied":
    case "refused":
    case "in_force":
      return pc.magenta;
    default:
      return pc.red;
  }
}
