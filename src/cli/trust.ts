import { Command } from "commander";
import type { DelegationEdge, Limits, TrustEdge } from "../core/model/bundle.ts";
import type { Lock } from "../core/model/lock.ts";
import type { TrustView, WhoCan } from "../policy/trust-view.ts";
import type { AdminAnswer } from "./admin-client.ts";
import { CliError, EXIT } from "./exit.ts";
import type { Finish } from "./main.ts";
import { adminOf, dataOption, type GatewayOptions, jsonOption, tenantOption } from "./options.ts";
import { pc, print, printable, printJson, table } from "./output.ts";

export function trustCommand(finish: Finish): Command {
  const show = new Command("show")
    .description("which humans may start which agents, and which agents may call on which")
    .addOption(dataOption())
    .addOption(tenantOption())
    .addOption(jsonOption())
    .action(async (options: GatewayOptions) => {
      const view = answered(await adminOf(options).ask("GET", "/trust")) as TrustView;
      if (options.json === true) printJson(view);
      else print(viewLines(view));
    });
  const can = new Command("who-can")
    .description("everybody whom trust lets reach a tool, and through whom")
    .argument("<tool>")
    .addOption(dataOption())
    .addOption(tenantOption())
    .addOption(jsonOption())
    .action(async (tool: string, options: GatewayOptions) => {
      const path = `/trust/who-can?tool=${encodeURIComponent(tool)}`;
      const answer = answered(await adminOf(options).ask("GET", path)) as WhoCan;
      if (options.json === true) printJson(answer);
      else print(waysLines(tool, answer));
      finish(answer.ways.length > 0 ? EXIT.ok : EXIT.no);
    });
  return new Command("trust")
    .description("who can reach what, through whom, under the active bundle")
    .addCommand(show)
    .addCommand(can);
}

function answered({ status, body }: AdminAnswer): unknown {
  if (status === 200) return body;
  if (status === 409) {
    throw new CliError(
      "no bundle is active, so nobody can reach anything: see postern bundle activate",
      EXIT.no,
    );
  }
  if (status === 400) throw new CliError("this is no name of a tool", EXIT.usage);
  throw new CliError("there is no such tenant", EXIT.usage);
}

function viewLines({ policyVersion, tools, edges, delegations, locks }: TrustView): string {
  const blocks = [
    `policy version ${policyVersion}`,
    ...edges.map((edge) => block(`trust:${edge.id}`, edgeRows(edge, tools.length))),
    ...delegations.map((edge) => block(`delegation:${edge.id}`, delegationRows(edge))),
  ];
  return [...blocks, locksLine(locks)].filter((one) => one !== "").join("\n\n");
}

function edgeRows(edge: TrustEdge, all: number): [string, string][] {
  const most = `at most ${edge.maxLive} live of one human with one agent`;
  return [
    ["humans", humans(edge.claims)],
    ["agents", edge.agents.join(", ")],
    ["purposes", edge.purposes.join(", ")],
    ["tools", tools(edge.tools, `all ${all} of the bundle`)],
    ["limits", limits(edge.limits)],
    ["life", `${minutes(edge.maxLifeMs)}, ${most}`],
  ];
}

function delegationRows(edge: DelegationEdge): [string, string][] {
  return [
    ["from", edge.from.join(", ")],
    ["to", edge.to.join(", ")],
    ["tools", tools(edge.tools, "all of the giver")],
    ["limits", limits(edge.limits) || "those of the giver"],
    ["life", minutes(edge.maxLifeMs)],
  ];
}

function block(title: string, rows: readonly (readonly [string, string])[]): string {
  const lines = table(rows).split("\n");
  return [pc.bold(title), ...lines.map((line) => `  ${line}`)].join("\n");
}

function waysLines(asked: string, answer: WhoCan): string {
  const { tool, suggestion, ways, truncated, policyVersion, locks } = answer;
  if (tool === null) {
    const hint = suggestion === null ? "see postern trust show" : `did you mean ${suggestion}?`;
    return `${pc.red("unknown")} ${printable(asked)} is no tool of the active bundle: ${hint}`;
  }
  const about = `${tool.id} (${tool.action}, ${tool.tier}, on ${tool.destination})`;
  const version = `under policy version ${policyVersion}`;
  if (ways.length === 0) return `${pc.red("nobody")} can reach ${about} ${version}`;
  const rows = ways.map((way) => [
    ...[humans(way.humans), way.purposes.join(", ")],
    ...[way.agents.join(" > "), way.through.join(" > ")],
  ]);
  const more = truncated ? ["there are more ways than these"] : [];
  return [
    `${about} ${version}`,
    table([["HUMANS", "PURPOSES", "AGENTS", "THROUGH"], ...rows]),
    ...more,
    locksLine(locks),
  ]
    .filter((one) => one !== "")
    .join("\n");
}

/** One value of each claim; an edge without claims covers nobody. */
function humans(claims: TrustEdge["claims"]): string {
  const all = Object.entries(claims).map(([name, values]) => `${name}: ${values.join(" or ")}`);
  return all.length === 0 ? "nobody" : all.join(", and ");
}

function tools(named: readonly string[], star: string): string {
  return named.includes("*") ? star : named.join(", ");
}

function limits({ calls, cost, runtimeMs, tokens, tools: caps = {} }: Partial<Limits>): string {
  return [
    calls === undefined ? [] : `${calls} calls`,
    cost === undefined ? [] : `cost ${cost}`,
    runtimeMs === undefined ? [] : `${runtimeMs / 1_000} s of runtime`,
    tokens === undefined ? [] : `${tokens} tokens`,
    Object.entries(caps).map(([tool, cap]) => `${cap} of ${tool}`),
  ]
    .flat()
    .join(", ");
}

function minutes(ms: number): string {
  return `${ms / 60_000} min`;
}

function locksLine(locks: readonly Lock[] | null): string {
  if (locks === null) {
    return pc.red("the record of this tenant's locks cannot be read: nothing is admitted now");
  }
  if (locks.length === 0) return "";
  const rows = locks.map(({ id, target, value }) => [`${target} ${value}`, `lock:${id}`]);
  return block(
    "locked now",
    rows.map(([what = "", rule = ""]) => [what, rule] as const),
  );
}
