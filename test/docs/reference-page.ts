/** The parts of JSON Schema that our own schemas of configuration files use. */
export interface Described {
  readonly $ref?: string;
  readonly $comment?: string;
  readonly $defs?: { readonly [name: string]: Described };
  readonly title?: string;
  readonly description?: string;
  readonly type?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Described[];
  readonly properties?: { readonly [name: string]: Described };
  readonly required?: readonly string[];
  readonly additionalProperties?: Described | boolean;
  readonly items?: Described;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly default?: unknown;
}

/** A page for people out of the schema for editors: one source, so that they cannot differ. */
export function referencePage(file: string, source: string, schema: Described): string {
  const sections = Object.entries(schema.$defs ?? {}).flatMap(([name, one]) => [
    `## ${name}`,
    textOf(one),
    membersOf(one, 0).join("\n"),
  ]);
  return `${[
    `# ${file}`,
    schema.description ?? "",
    `Comments and trailing commas are allowed. Every mistake is named at once, with its line. Editors help with \`"$schema"\`: [${source}](../../schema/${source}); this page is made from it.`,
    "## The file",
    membersOf(schema, 0).join("\n"),
    ...sections,
  ].join("\n\n")}\n`;
}

function membersOf(schema: Described, depth: number): readonly string[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, one]) => {
    const required = schema.required?.includes(name) === true ? ["required"] : [];
    const said = [typeOf(one), ...required, ...defaultOf(one)].join(", ");
    const text = textOf(one);
    const line = `${"  ".repeat(depth)}- \`${name}\` (${said})${text === "" ? "" : `: ${text}`}`;
    return [line, ...insideOf(one, depth + 1)];
  });
}

/** Objects that have no section of their own, one level further in. */
function insideOf(schema: Described, depth: number): readonly string[] {
  const { items, additionalProperties, anyOf = [] } = schema;
  const inside = [schema, items, additionalProperties, ...anyOf, ...(items?.anyOf ?? [])];
  return inside.flatMap((one) => {
    if (typeof one !== "object" || one.properties === undefined) return [];
    if (one === schema) return membersOf(one, depth);
    const said = textOf(one);
    const head = `${"  ".repeat(depth)}- an object${said === "" ? "" : `: ${said}`}`;
    return [head, ...membersOf(one, depth + 1)];
  });
}

function textOf({ description = "", $comment }: Described): string {
  return $comment === undefined ? description : `${description} _Mistake:_ ${$comment}`.trim();
}

function defaultOf(schema: Described): readonly string[] {
  return schema.default === undefined ? [] : [`default \`${JSON.stringify(schema.default)}\``];
}

function typeOf(schema: Described): string {
  if (schema.$ref !== undefined) {
    const name = schema.$ref.split("/").at(-1) ?? "";
    return `[${name}](#${name})`;
  }
  if (schema.const !== undefined) return `\`${JSON.stringify(schema.const)}\``;
  if (schema.enum !== undefined) return schema.enum.map((one) => `\`${String(one)}\``).join(" or ");
  if (schema.anyOf !== undefined) return [...new Set(schema.anyOf.map(typeOf))].join(" or ");
  if (schema.type === "array") return `list of ${typeOf(schema.items ?? {})}`;
  if (schema.type === "object") {
    const values = schema.additionalProperties;
    return typeof values === "object" ? `names, each with ${typeOf(values)}` : "object";
  }
  const { type = "anything", minimum, maximum } = schema;
  return minimum === undefined ? type : `${type} from ${minimum} to ${maximum ?? "any"}`;
}
