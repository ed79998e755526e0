import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Environment, readConfig } from "../../connector/config.ts";
import { isObject, type Json } from "../../core/model/json.ts";
import type { Tier } from "../../core/model/policy.ts";
import { importMcp, type Offered } from "../../policy/mcp/import.ts";
import { offeredBy } from "../mcp-offer.ts";
import type { Plan } from "./plan.ts";
import { renderConnector } from "./render.ts";

export type Asked =
  | { readonly ok: true; readonly plan: Plan }
  | { readonly ok: false; readonly problems: readonly string[] };

/** A pin is what the server says of its tool: it is asked as the connector will ask, under its file. */
export async function askServer(plan: Plan, name: string, env: Environment): Promise<Asked> {
  const read = readConfig(renderConnector(plan), "connector.jsonc", env);
  if (!read.ok) {
    const problems = read.mistakes.map(({ at, fix }) => `connector.jsonc ${at}: ${fix}`);
    return { ok: false, problems };
  }
  const [found] = read.config.destinations;
  if (found?.[1].kind !== "mcp") throw new TypeError("a plan for an MCP server has one");
  const folder = mkdtempSync(join(tmpdir(), "postern-init-"));
  const offered = await offeredBy(found[1], folder);
  rmSync(folder, { recursive: true, force: true });
  if (offered === null) return refuse("the server does not answer as an MCP server");
  const names = offered.map(({ definition }) => String(definition["name"]));
  const tool = offered[names.indexOf(name)];
  if (tool === undefined) return refuse(`--tool ${name} is none of its tools: ${names.join(" ")}`);
  return pinned(plan, found[0], tool);
}

/** As an import describes it, but for what a person has said by naming it: that it only reads. */
function pinned(plan: Plan, destination: string, offered: Offered): Asked {
  const { definition } = offered;
  const hints: Json = definition["annotations"] ?? null;
  if (isObject(hints) && hints["readOnlyHint"] === false) {
    return refuse("--tool changes something, its server says: begin with one that only reads");
  }
  const target = { destination, tier: plan.tier as Tier, dataClass: `${destination}.record` };
  const { tools, refused } = importMcp([offered], {}, target);
  const [imported] = tools;
  if (imported === undefined) return refuse(`--tool cannot be imported: ${refused[0]?.code}`);
  const { id, tool } = imported;
  const values = {
    ...plan.values,
    tool: id,
    mcp: tool["mcp"] ?? null,
    input: tool["input"] ?? null,
  };
  return { ok: true, plan: { ...plan, tool: id, values } };
}

function refuse(problem: string): Asked {
  return { ok: false, problems: [problem] };
}
