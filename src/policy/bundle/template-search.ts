import { hasEffect } from "../../core/model/policy.ts";
import { typesOf } from "./keywords.ts";
import { MAX_HITS, MAX_QUERY_CHARS } from "./limits.ts";
import { find, type Located } from "./located.ts";
import { SEARCH_MODES, type SearchIndex, type SearchTemplate } from "./model.ts";
import {
  expectKnown,
  fields,
  id,
  integer,
  list,
  missing,
  oneOf,
  optional,
  required,
  text,
  unknownKey,
  type Place,
  type Values,
} from "./read.ts";
import { searchOutput } from "./search-output.ts";
import { IDENTIFIER, PAGE_COLUMNS, textStatement, vectorStatement } from "./search-statement.ts";
import { add, type ReadTemplate, type TemplateContext } from "./template.ts";
import { checkUses, type Use } from "./template-uses.ts";

/** Plain segments: nothing of a search stands in its URL. */
const PATH = /^(?:\/(?!\.{1,2}(?:\/|$))[A-Za-z0-9._~-]+)+$/;
/** With its schema: a name that a search path could lead elsewhere is not what was reviewed. */
const RELATION = /^[a-z_][a-z0-9_]{0,62}\.[a-z_][a-z0-9_]{0,62}$/;
const LANGUAGE = /^[a-z_]{1,63}$/;

const common = {
  mode: required(oneOf(SEARCH_MODES)),
  query: required(text(64)),
  limit: optional(text(64)),
  maxHits: required(integer(1, MAX_HITS)),
  classes: required(
    fields({
      hit: required(text(64)),
      snippet: required(text(64)),
      records: required(list(text(64), 1)),
    }),
  ),
};
const ofService = { ...common, path: required(id(PATH)) };
const column = required(id(IDENTIFIER));
const ofTable = {
  ...common,
  relation: required(id(RELATION)),
  columns: required(
    fields({
      id: column,
      title: column,
      text: column,
      class: column,
      tenant: column,
      index: column,
    }),
  ),
  language: optional(id(LANGUAGE)),
};
const readOfService = fields(ofService);
const readOfTable = fields(ofTable);

/** A search declares no output: what it answers follows from its classes. */
export function readSearchTemplate(
  node: Located,
  context: TemplateContext,
  place: Place,
): ReadTemplate<SearchTemplate> | undefined {
  checkAction(node, context, place);
  const read = context.destination?.kind === "postgres" ? tableIndex : serviceIndex;
  const found = read(node, place);
  if (found === undefined) return undefined;
  const { values, index } = found;
  const { mode, query, limit, maxHits, classes } = values;
  checkArguments(node, context, place);
  const { hit, snippet, records } = classes ?? {};
  for (const at of [find(node, "classes", "hit"), find(node, "classes", "snippet")]) {
    expectClass(at, context, place);
  }
  for (const at of find(node, "classes", "records")?.items ?? []) expectClass(at, context, place);
  if (mode === undefined || query === undefined || maxHits === undefined) return undefined;
  if (index === undefined || hit === undefined || snippet === undefined || !records) {
    return undefined;
  }
  const of = { hit, snippet, records };
  return {
    template: {
      kind: "search",
      ...{ mode, index, query, limit: limit ?? null, maxHits, classes: of, preview: null },
    },
    preview: null,
    output: {
      description: { kind: "json", schema: searchOutput(of, maxHits) },
      classes: [...new Set([hit, snippet, ...records])].sort(),
    },
  };
}

/** Written down it could only differ from what is checked. */
export function refuseOutput(output: Located, place: Place): void {
  add(
    place,
    output,
    "annotation_misplaced",
    '"output" has no meaning beside "search"',
    'remove it: what a search answers follows from its "classes"',
  );
}

interface Found {
  readonly values: Values<typeof common>;
  readonly index: SearchIndex | undefined;
}

function serviceIndex(node: Located, place: Place): Found | undefined {
  const values = readOfService(node, place);
  if (values === undefined) return undefined;
  const { path } = values;
  return { values, index: path === undefined ? undefined : { kind: "http", path } };
}

function tableIndex(node: Located, place: Place): Found | undefined {
  const values = readOfTable(node, place);
  if (values === undefined) return undefined;
  const { mode, relation, columns, language } = values;
  // How words are taken apart is part of what a text search means; vectors know no language.
  if (mode === "text" && !node.members.has("language")) missing(node, "language", place);
  const said = node.members.get("language");
  if (mode === "vector" && said !== undefined) {
    const keys = Object.keys(ofTable).filter((key) => key !== "language");
    unknownKey("language", keys, said.keyOffset, place);
  }
  const [schema, name] = relation?.split(".") ?? [];
  if (schema === undefined || name === undefined || columns === undefined) {
    return { values, index: undefined };
  }
  const named = PAGE_COLUMNS.map((one) => [one, columns[one] ?? ""] as const);
  const table = {
    relation: { schema, name },
    columns: Object.fromEntries(named) as { [one in (typeof PAGE_COLUMNS)[number]]: string },
  };
  const statement = mode === "text" ? textStatement(table, language ?? "") : vectorStatement(table);
  return { values, index: { kind: "postgres", statement } };
}

function checkAction(node: Located, { action }: TemplateContext, place: Place): void {
  if (action === undefined || !hasEffect(action)) return;
  add(
    place,
    node,
    "effect_with_read_method",
    `the action is "${action}", but a search changes nothing`,
    'use "summarize" for snippets, or "read"',
  );
}

/** What is looked for is a text of bounded length; how many, a number. Nothing else has a place. */
function checkArguments(node: Located, { args }: TemplateContext, place: Place): void {
  const [query, limit] = [find(node, "query"), find(node, "limit")];
  checkUses(uses(query, limit), args, node, place);
  const name = typeof query?.value === "string" ? query.value : "";
  const asked = args?.schema(name);
  if (args === undefined || asked === undefined) return;
  if (!args.required.includes(name)) {
    add(
      place,
      query,
      "argument_optional",
      `a search needs "${name}", but the argument is optional`,
      `add "${name}" to "required" of the input schema`,
    );
  }
  const longest = find(asked, "maxLength")?.value;
  const bounded = typeof longest === "number" && longest <= MAX_QUERY_CHARS;
  if (typesOf(asked).join() !== "string" || !bounded) {
    add(
      place,
      query,
      "argument_type",
      `"${name}" is what is looked for, but not declared as a string of at most ${MAX_QUERY_CHARS} characters`,
      `declare it with "type": "string" and "maxLength"`,
    );
  }
  if (limit?.type !== "string") return;
  const hits = args.schema(limit.value as string);
  const least = find(hits, "minimum")?.value;
  if (hits === undefined) return;
  if (typesOf(hits).join() === "integer" && typeof least === "number" && least >= 1) return;
  add(
    place,
    limit,
    "argument_type",
    `"${limit.value as string}" is how many hits are wanted, but not declared as an integer from 1 on`,
    'declare it with "type": "integer" and "minimum": 1',
  );
}

function uses(...nodes: readonly (Located | undefined)[]): readonly Use[] {
  return nodes.flatMap((node) =>
    node?.type === "string" ? [{ name: node.value as string, node }] : [],
  );
}

function expectClass(
  at: Located | undefined,
  { dataClasses }: TemplateContext,
  place: Place,
): void {
  if (at?.type !== "string") return;
  const name = at.value as string;
  const where = "dataClasses of bundle.jsonc";
  expectKnown(name, dataClasses, at.offset, "unknown_data_class", "data class", where, place);
}
