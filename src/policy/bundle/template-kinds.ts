import type { Located } from "./located.ts";
import type { DestinationKind, Template } from "./model.ts";
import { optional, raw, type Place } from "./read.ts";
import { readQueryTemplate } from "./template-query.ts";
import { checkRowsOutput } from "./template-statement.ts";
import { readWriteTemplate } from "./template-write.ts";
import { readHttpTemplate } from "./template-http.ts";
import { checkMcpOutput, readMcpTemplate } from "./template-mcp.ts";
import { readSearchTemplate, refuseOutput } from "./template-search.ts";
import { checkRows, readSqlTemplate } from "./template-sql.ts";
import { add, type ReadTemplate, type TemplateContext } from "./template.ts";

interface TemplateKind {
  /** Where such a template can be sent. */
  readonly destinations: readonly DestinationKind[];
  readonly read: (
    node: Located,
    context: TemplateContext,
    place: Place,
  ) => ReadTemplate<Template> | undefined;
  /** What the kind demands of the tool's output. */
  readonly output?: (node: Located, place: Place) => void;
}

/** Key of the tool file → what it stands for. A tool has exactly one of these keys. */
const KINDS = {
  http: { destinations: ["http"], read: readHttpTemplate },
  sql: { destinations: ["postgres"], read: readSqlTemplate, output: checkRows },
  query: { destinations: ["postgres"], read: readQueryTemplate },
  write: { destinations: ["postgres"], read: readWriteTemplate },
  mcp: { destinations: ["mcp"], read: readMcpTemplate, output: checkMcpOutput },
  search: { destinations: ["http", "postgres"], read: readSearchTemplate, output: refuseOutput },
} as const satisfies { readonly [key: string]: TemplateKind };
type TemplateKey = keyof typeof KINDS;

const KEYS = Object.keys(KINDS) as readonly TemplateKey[];

export const templateFields = Object.fromEntries(KEYS.map((key) => [key, optional(raw)])) as {
  readonly [key in TemplateKey]: ReturnType<typeof optional<Located>>;
};

/** The one template of a tool; with none or several it is not known what the tool does. */
export function readTemplate(
  tool: Located,
  output: Located | undefined,
  context: TemplateContext,
  place: Place,
): ReadTemplate<Template> | undefined {
  const given = [...tool.members.keys()].filter((key) => Object.hasOwn(KINDS, key));
  const [key, second] = given as TemplateKey[];
  if (key === undefined) {
    const fix = `add ${choice(KEYS)}`;
    add(place, tool, "template_missing", "the tool does not say what it does", fix);
    return undefined;
  }
  const keyOffset = (name: string): number => tool.members.get(name)?.keyOffset ?? tool.offset;
  if (second !== undefined) {
    place.report.add(
      place.file,
      keyOffset(second),
      "template_ambiguous",
      `a tool has ${choice(KEYS)}, and one only`,
      `remove all but one of ${given.map((name) => `"${name}"`).join(", ")}`,
    );
    return undefined;
  }
  const kind: TemplateKind = KINDS[key];
  const { destination } = context;
  if (destination !== undefined && !kind.destinations.includes(destination.kind)) {
    const fitting = KEYS.filter((name) => destinationsOf(name).includes(destination.kind));
    place.report.add(
      place.file,
      keyOffset(key),
      "kind_mismatch",
      `"${key}" does not go with "${destination.id}", a destination of the kind "${destination.kind}"`,
      `use ${choice(fitting)}, or a destination of the kind ${choice(kind.destinations)}`,
    );
  }
  if (output !== undefined) {
    checkRowsOutput(key === "query" || key === "write", output, place);
    kind.output?.(output, place);
  }
  const node = tool.members.get(key)?.node;
  return node && kind.read(node, context, place);
}

function destinationsOf(key: TemplateKey): readonly DestinationKind[] {
  return KINDS[key].destinations;
}

function choice(keys: readonly string[]): string {
  const quoted = keys.map((key) => `"${key}"`);
  const last = quoted.pop() ?? "";
  return quoted.length === 0 ? last : `${quoted.join(", ")} or ${last}`;
}
