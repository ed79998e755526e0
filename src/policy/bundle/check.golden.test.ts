import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { checkBundle } from "./check.ts";
import type { Mistake } from "./mistake.ts";
import { readBundleFolder } from "./read-folder.ts";

const BAD = fileURLToPath(new URL("../../../test/fixtures/bundles/bad", import.meta.url));

/** Where, what, and what to do: read by people, scripts and editors. */
const PINS: readonly (readonly [string, string, string])[] = [
  ["agents.jsonc:14", "duplicate_value", "give each key a kid of its own"],
  [
    "agents.jsonc:30",
    "jwk_private",
    "keep only the public members, and replace this key: it has been exposed",
  ],
  [
    "agents.jsonc:38",
    "jwk_algorithm",
    "use EdDSA with OKP and Ed25519, or ES256 with EC and P-256",
  ],
  ["agents.jsonc:40", "jwk_malformed", 'give "x" as 32 bytes in base64url, without "y"'],
  ["agents.jsonc:41", "jwk_shared", "make a key pair for each agent"],
  ["agents.jsonc:48", "missing_key", 'add "crv"'],
  ["agents.jsonc:48", "missing_key", 'add "x"'],
  ["agents.jsonc:48", "wrong_value", "use one of OKP, EC"],
  ["agents.jsonc:48", "wrong_value", 'did you mean "ES256"?'],
  ["bundle.jsonc:3", "bad_id", "use an id that matches ^[a-z][a-z0-9-]{0,63}$"],
  [
    "bundle.jsonc:4",
    "unknown_key",
    "remove it; allowed here: name, dataClasses, destinations, writeDomains, labels",
  ],
  ["bundle.jsonc:6", "missing_key", 'add "tier"'],
  ["bundle.jsonc:6", "unknown_key", 'did you mean "tier"?'],
  ["bundle.jsonc:7", "wrong_value", 'did you mean "internal"?'],
  ["bundle.jsonc:13", "duplicate_key", "keep one of the two: the first is in line 12"],
  ["bundle.jsonc:14", "bad_id", "use an id that matches ^[a-z][a-z0-9_.-]{0,63}$"],
  ["bundle.jsonc:15", "too_short", "write a text"],
  ["bundle.jsonc:17", "wrong_type", "write a boolean here"],
  ["policies/action.cedar:3", "policy_without_id", 'write @id("…") in front of the policy'],
  ["policies/action.cedar:6", "unknown_agent", 'did you mean "support-agent"?'],
  [
    "policies/action.cedar:8",
    "policy_id_duplicate",
    "give each policy of the bundle an id of its own",
  ],
  ["policies/action.cedar:9", "cedar_invalid", 'did you mean `Action::"read"`?'],
  ["policies/action.cedar:11", "policy_id_reserved", 'call it "admin"'],
  ["policies/action.cedar:12", "unknown_tool", 'did you mean "tickets_list"?'],
  [
    "policies/action.cedar:14",
    "policy_id_bad",
    "use an id that matches ^[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}$",
  ],
  ["policies/action.cedar:16", "unknown_destination", 'did you mean "tickets"?'],
  [
    "policies/action.cedar:18",
    "policy_id_bad",
    "use an id that matches ^[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}$",
  ],
  ["policies/action.cedar:20", "cedar_invalid", "did you mean `arguments`?"],
  [
    "policies/action.cedar:22",
    "policy_id_duplicate",
    "give each policy of the bundle an id of its own",
  ],
  [
    "policies/action.cedar:23",
    "cedar_invalid",
    "try testing for the attribute's presence with `context.arguments has status && ..`",
  ],
  [
    "policies/action.cedar:23",
    "cedar_invalid",
    "both operands to a `==` expression must have compatible types. Types must be exactly equal to be compatible",
  ],
  ["policies/action.cedar:26", "policy_number", "stay below 2^53"],
  ["policies/action.cedar:29", "unknown_purpose", 'did you mean "support-case"?'],
  ["policies/action.cedar:29", "unknown_label", 'did you mean "pii"?'],
  [
    "policies/action.cedar:32",
    "cedar_syntax",
    "try removing the template slot(s) from this policy",
  ],
  ["policies/action.cedar:35", "cedar_syntax", "correct the syntax here or just before"],
  ["policies/action.cedar:38", "policy_wrong_class", "move the policy to policies/budget.cedar"],
  [
    "policies/action.cedar:40",
    "cedar_warning",
    "change the policy so that it can apply, or remove it",
  ],
  ["policies/action.cedar:44", "cedar_syntax", "correct the syntax here or just before"],
  [
    "policies/authority.cedar:2",
    "policy_wrong_class",
    "leave this file without policies, or move the policy to the class it is about",
  ],
  ["policies/data.cedar:2", "unknown_data_class", 'did you mean "ticket.record"?'],
  ["policies/network.cedar:1", "file_missing", "create policies/network.cedar; it may be empty"],
  ["policies/netwrok.cedar:1", "file_unknown", 'did you mean "policies/network.cedar"?'],
  ["policies/tests.yaml:3", "unknown_agent", 'did you mean "support-agent"?'],
  ["policies/tests.yaml:4", "unknown_tool", 'did you mean "tickets_list"?'],
  ["policies/tests.yaml:5", "wrong_value", "use one of allow, deny"],
  ["policies/tests.yaml:7", "duplicate_value", "give each test a name of its own"],
  ["policies/tests.yaml:11", "test_contradicts", 'remove "class", or turn "expect" round'],
  ["policies/tests.yaml:12", "unknown_rule", 'did you mean "reads"?'],
  ["policies/tests.yaml:17", "unknown_purpose", 'did you mean "support-case"?'],
  ["policies/tests.yaml:18", "unknown_trust", 'did you mean "support"?'],
  ["policies/tests.yaml:19", "argument_unknown", 'did you mean "status"?'],
  ["policies/tests.yaml:19", "wrong_type", "write a string here"],
  ["policies/tests.yaml:20", "unknown_label", 'did you mean "pii"?'],
  ["policies/tests.yaml:21", "unknown_write_domain", 'did you mean "tickets"?'],
  ["policies/tests.yaml:22", "out_of_range", "use a whole number from 0 to 9007199254740991"],
  ["policies/tests.yaml:24", "test_contradicts", 'remove "redacts", or turn "expect" round'],
  ["policies/tests.yaml:25", "unknown_key", 'did you mean "rules"?'],
  [
    "tools/books_drop.jsonc:8",
    "unknown_write_domain",
    'declare "book" in writeDomains of bundle.jsonc, or use one that is declared',
  ],
  [
    "tools/books_drop.jsonc:12",
    "kind_mismatch",
    'use "http", or a destination of the kind "postgres"',
  ],
  ["tools/books_drop.jsonc:12", "sql_statement", "write exactly one complete statement"],
  [
    "tools/books_drop.jsonc:27",
    "schema_required",
    'declare "vip" in properties of this record, or use one that is declared',
  ],
  [
    "tools/books_find.jsonc:13",
    "sql_params_count",
    "name one argument for each of $1, $2, … in this order, and use each of them",
  ],
  ["tools/books_find.jsonc:14", "out_of_range", "use a whole number from 1 to 10000"],
  ["tools/books_find.jsonc:17", "input_not_object", 'write "type": "object"'],
  [
    "tools/books_find.jsonc:23",
    "output_unclassified",
    'put "dataClass" on the schema or on its fields',
  ],
  [
    "tools/books_find.jsonc:23",
    "sql_output",
    'describe it as { "type": "object", "properties": { "rows": { "type": "array", "items": { "type": "object", … } } } }',
  ],
  [
    "tools/books_find.jsonc:23",
    "field_unclassified",
    'add "dataClass" here or on an object around it, or remove the field',
  ],
  ["tools/desk_close.jsonc:11", "path_syntax", 'write "/desk"'],
  ["tools/desk_close.jsonc:11", "body_not_allowed", 'use "query", or another method'],
  [
    "tools/desk_close.jsonc:18",
    "annotation_misplaced",
    'remove "schema": output of the kind "binary" is opaque',
  ],
  ["tools/desk_open.jsonc:12", "template_ambiguous", "remove one of the two"],
  [
    "tools/desk_open.jsonc:16",
    "output_not_object",
    'write "type": "object", and wrap another value in a property',
  ],
  ["tools/tickets_count.jsonc:1", "template_missing", 'add "http" or "sql"'],
  ["tools/tickets_count.jsonc:5", "unknown_destination", 'did you mean "desk"?'],
  ["tools/tickets_count.jsonc:6", "wrong_value", 'did you mean "summarize"?'],
  ["tools/tickets_count.jsonc:18", "missing_key", 'add "dataClass"'],
  [
    "tools/tickets_list.jsonc:2",
    "tool_file_name",
    'name the file tools/list_tickets.jsonc, or the tool "tickets_list"',
  ],
  [
    "tools/tickets_list.jsonc:7",
    "tier_above_destination",
    'lower it to "internal", or use a destination of the tier "critical"',
  ],
  [
    "tools/tickets_list.jsonc:8",
    "write_domain_on_read",
    'remove "writeDomain", or make the action "mutate" or "execute"',
  ],
  ["tools/tickets_list.jsonc:9", "unknown_label", 'did you mean "pii"?'],
  [
    "tools/tickets_list.jsonc:10",
    "policy_argument_conflict",
    "rename one of the two arguments, or give both the same type",
  ],
  ["tools/tickets_list.jsonc:10", "argument_unknown", 'did you mean "limit"?'],
  [
    "tools/tickets_list.jsonc:10",
    "policy_argument_type",
    "declare it as string, integer, boolean, or an array of one of these; without null",
  ],
  ["tools/tickets_list.jsonc:11", "out_of_range", "use a whole number from 0 to 9007199254740991"],
  ["tools/tickets_list.jsonc:12", "out_of_range", "use a whole number from 1 to 120000"],
  [
    "tools/tickets_list.jsonc:15",
    "read_with_effect",
    'use "mutate" or "execute", or another method',
  ],
  [
    "tools/tickets_list.jsonc:16",
    "argument_optional",
    'add "ticketId" to "required" of the input schema',
  ],
  ["tools/tickets_list.jsonc:16", "argument_unknown", 'declare "nobody" in the input schema'],
  [
    "tools/tickets_list.jsonc:16",
    "path_syntax",
    "a segment is plain text without % ? #, or exactly one {argument}; no empty, . or .. segments",
  ],
  ["tools/tickets_list.jsonc:17", "argument_twice", "send each argument in one place only"],
  [
    "tools/tickets_list.jsonc:17",
    "argument_type",
    'give "filter" one of these types, or send it in the body',
  ],
  ["tools/tickets_list.jsonc:19", "input_open", 'write "additionalProperties": false'],
  [
    "tools/tickets_list.jsonc:22",
    "schema_pattern",
    "write it without a repeated group that itself repeats or alternates, and without back-references",
  ],
  ["tools/tickets_list.jsonc:23", "annotation_misplaced", 'remove "dataClass"'],
  [
    "tools/tickets_list.jsonc:24",
    "argument_unused",
    "use it in the path, query, body or params, or remove it",
  ],
  ["tools/tickets_list.jsonc:24", "schema_keyword", 'did you mean "minimum"?'],
  [
    "tools/tickets_list.jsonc:25",
    "argument_unused",
    "use it in the path, query, body or params, or remove it",
  ],
  [
    "tools/tickets_list.jsonc:26",
    "schema_reference",
    'refer to "#/$defs/<name>" and define <name> at the top of this schema',
  ],
  ["tools/tickets_list.jsonc:28", "schema_required", 'did you mean "ticketId"?'],
  ["tools/tickets_list.jsonc:35", "unknown_data_class", 'did you mean "ticket.record"?'],
  [
    "tools/tickets_list.jsonc:36",
    "field_unclassified",
    'add "dataClass" here or on an object around it, or remove the field',
  ],
  ["tools/tickets_list.jsonc:37", "schema_incomplete", 'add "items" with a schema'],
  [
    "tools/tickets_list.jsonc:38",
    "schema_incomplete",
    "describe them with a schema, or write false",
  ],
  [
    "tools/tickets_list.jsonc:39",
    "schema_incomplete",
    'add "properties", or "additionalProperties" with a schema',
  ],
  [
    "tools/tickets_list.jsonc:39",
    "schema_type",
    "choose one type, or wrap the alternatives in separate properties",
  ],
  ["tools/tickets_list.jsonc:40", "schema_type", 'add "type"'],
  [
    "tools/tickets_list.jsonc:40",
    "schema_keyword",
    "remove it; supported here: type, properties, required, items, additionalProperties, dataClass, records, title, description, format, pattern, enum, const, minimum, maximum, minLength, maxLength, minItems, maxItems",
  ],
  ["tools/tickets_list.jsonc:42", "schema_required", 'did you mean "title"?'],
  ["trust.jsonc:5", "trust_everyone", 'name a claim and its values, such as "groups": ["support"]'],
  ["trust.jsonc:6", "unknown_agent", 'did you mean "support-agent"?'],
  ["trust.jsonc:7", "too_short", "add an item"],
  ["trust.jsonc:8", "trust_star_mixed", 'keep either "*" or the list of tools'],
  ["trust.jsonc:8", "unknown_tool", 'did you mean "tickets_list"?'],
  ["trust.jsonc:9", "out_of_range", "use a whole number from 1 to 9007199254740991"],
  ["trust.jsonc:9", "out_of_range", "use a whole number from 1 to 9007199254740991"],
  ["trust.jsonc:9", "out_of_range", "use a whole number from 1 to 9007199254740991"],
  ["trust.jsonc:10", "out_of_range", "use a whole number from 1 to 480"],
  ["trust.jsonc:13", "duplicate_value", "give each edge an id of its own"],
  ["trust.jsonc:15", "duplicate_value", "remove one of the two"],
  ["trust.jsonc:17", "unknown_tool", 'did you mean "tickets_list"?'],
  ["trust.jsonc:18", "missing_key", 'add "runtimeMs"'],
];

describe("a bundle full of mistakes", () => {
  it("has every one of them reported at once, with file, line, code and fix", async () => {
    const mistakes = await check();
    expect(
      mistakes.map(({ file, line, code, fix }) => [`${file}:${line}`, code, fix] as const),
    ).toEqual(PINS);
  });

  it("holds more than 60 distinct kinds", () => {
    expect(new Set(PINS.map(([, code]) => code)).size).toBeGreaterThan(60);
  });

  it("never repeats private key material", async () => {
    expect(JSON.stringify(await check())).not.toContain("private-half");
  });
});

async function check(): Promise<readonly Mistake[]> {
  const checked = checkBundle(await readBundleFolder(BAD));
  return checked.ok ? [] : checked.mistakes;
}
