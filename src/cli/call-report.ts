import type { CallReport } from "../gateway/report.ts";
import { pc, table } from "./output.ts";

/** For people; `--json` has the same. */
export function callReportLines(report: CallReport): string {
  const { principals, timing } = report;
  const rules = Object.entries(report.rules).map(([policyClass, ids]) => [
    `  ${policyClass}`,
    (ids as readonly string[]).join(", "),
  ]);
  const redactions = report.redactions.map(({ path, dataClass, count }) => [
    `  ${String(path)}`,
    String(dataClass),
    `× ${String(count)}`,
  ]);
  const record = report.record.map(({ seq, type, hash }) => [`  ${seq}`, type, hash]);
  const lines = [
    table([
      ["call", report.call],
      ["workflow", report.workflow],
      ["outcome", report.code === null ? report.outcome : `${report.outcome} ${report.code}`],
      ["human", principals.human],
      ["agent", principals.agent],
      ["tool", principals.tool ?? "(none of the bundle)"],
      ["purpose", report.purpose],
      ["policy version", report.policyVersion],
      ["decided by", report.ruleIds.join(", ") || "(all four classes allowed)"],
      ["admitted", timing.at],
      ["settled", timing.settledAt ?? "—"],
      ["ran for", timing.runtimeMs === null ? "—" : `${timing.runtimeMs} ms`],
    ]),
    pc.bold("rules"),
    table(rules.length > 0 ? rules : [["  (not asked)"]]),
    pc.bold("redactions"),
    table(redactions.length > 0 ? redactions : [["  none"]]),
    ...(report.dropped > 0 ? [`  ${report.dropped} records dropped`] : []),
    pc.bold(report.tokens.length > 1 ? `call tokens: ${report.tokens.length}` : "call token"),
    ...(report.tokens.length === 0
      ? ["  none: nothing left the gateway"]
      : report.tokens.map((token) => indent(JSON.stringify(token, null, 2)))),
    pc.bold("record"),
    table(record),
  ];
  return lines.join("\n");
}

function indent(text: string): string {
  return text.replace(/^/gm, "  ");
}
