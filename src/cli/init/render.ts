import { readFileSync } from "node:fs";
import type { Json } from "../../core/model/json.ts";
import type { Plan, Values } from "./plan.ts";

/** Real files, so that they can be read and formatted as such; the package ships them as they are. */
const TEMPLATES = new URL("../../../templates/init/", import.meta.url);

export interface NewFile {
  /** Relative to the new folder. */
  readonly path: string;
  readonly text: string;
  readonly mode: number;
}

export interface AgentKeyPair {
  readonly publicJwk: Values;
  readonly privateJwk: Values;
}

const SHARED = [
  "postern.jsonc",
  "profile.jsonc",
  "bundle/bundle.jsonc",
  "bundle/agents.jsonc",
  "bundle/trust.jsonc",
  "bundle/policies/network.cedar",
  "bundle/policies/data.cedar",
  "bundle/policies/action.cedar",
  "bundle/policies/budget.cedar",
  "bundle/policies/authority.cedar",
  "bundle/policies/tests.yaml",
] as const;

const MODE = 0o644;
/** Whoever can read it can act as the agent. */
const SECRET_MODE = 0o600;

/** Every file of a new folder, in memory. */
export function renderFiles({ kind, tool, values }: Plan, key: AgentKeyPair): readonly NewFile[] {
  const all = { ...values, keys: [key.publicJwk] };
  const file = (path: string, template: string): NewFile => ({
    path,
    text: render(template, all),
    mode: MODE,
  });
  return [
    ...SHARED.map((path) => file(path, `shared/${path}`)),
    file(`bundle/tools/${tool}.jsonc`, `${kind}/tool.jsonc`),
    { path: "connector.jsonc", text: renderConnector({ kind, values }), mode: MODE },
    // npm takes a file with the real name for its own.
    file(".gitignore", "shared/gitignore"),
    {
      path: "agent.jwk.json",
      text: `${JSON.stringify(key.privateJwk, null, 2)}\n`,
      mode: SECRET_MODE,
    },
  ];
}

export function renderConnector({ kind, values }: Pick<Plan, "kind" | "values">): string {
  return render(`${kind}/connector.jsonc`, values);
}

function render(template: string, values: Values): string {
  return fill(readFileSync(new URL(template, TEMPLATES), "utf8"), values);
}

/**
 * `"{{name}}"`, quotes included, becomes a JSON value; bare, in a comment or an id, a plain word. In one
 * pass: what was put in is not looked at again. A line for a value that is null is left out.
 */
function fill(template: string, values: Values): string {
  const wanted = template.replaceAll(/^.*"\{\{(\w+)\}\}",?\n/gm, (line, name: string) =>
    values[name] === null ? "" : line,
  );
  return wanted.replaceAll(/("?)\{\{(\w+)\}\}\1/g, (_, quote: string, name: string) => {
    const value = Object.hasOwn(values, name) ? values[name] : undefined;
    if (value === undefined) throw new UnfitTemplate(name);
    if (quote === '"') return inline(value);
    // Anything else could end the comment or the rule it stands in.
    if (typeof value !== "string" || !/^[a-z0-9_-]+$/.test(value)) throw new UnfitTemplate(name);
    return value;
  });
}

/** In one line, as a person would write it. Line ends inside of strings are escaped already. */
function inline(value: Json): string {
  return JSON.stringify(value, null, 1)
    .replaceAll(/(\[)\n *|\n *(\])/g, "$1$2")
    .replaceAll(/\n */g, " ");
}

/** A defect of ours: a template and the code beside it disagree. */
class UnfitTemplate extends Error {
  override readonly name = "UnfitTemplate";
}
