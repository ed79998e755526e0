import { isRequestHeader } from "../../core/model/header-names.ts";
import type { Arguments } from "./input.ts";
import { typesOf } from "./keywords.ts";
import { find, type Located } from "./located.ts";
import type { HttpSlot } from "./model.ts";
import { expectType, fields, oneOf, optional, required, text, type Place } from "./read.ts";

/** Members of an HTTP template that hold arguments; the path has its own form. */
export type SlotKind = "query" | "headers" | "cookies" | "body" | "form";

interface SlotUse {
  readonly name: string;
  readonly node: Located;
}

export interface Slots {
  readonly slots: readonly HttpSlot[];
  readonly uses: readonly SlotUse[];
}

const MAX_NAME_CHARS = 200;
const read = fields({
  argument: required(text(64)),
  name: optional(text(MAX_NAME_CHARS)),
  list: optional(oneOf(["comma", "brackets"])),
  object: optional(oneOf(["brackets"])),
});
/** RFC 6265: a token. */
const COOKIE = /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$/;
const SCALARS: readonly string[] = ["string", "number", "integer", "boolean"];

/** `"status"`, or `{ "argument": "pageSize", "name": "page-size" }` where the two differ. */
export function readSlots(
  node: Located | undefined,
  kind: SlotKind,
  args: Arguments | undefined,
  place: Place,
): Slots {
  const slots: HttpSlot[] = [];
  const uses: SlotUse[] = [];
  const taken = new Map<string, string>();
  for (const item of node?.items ?? []) {
    const slot = readSlot(item, place);
    if (slot === undefined) continue;
    const at = find(item, "name") ?? item;
    if (!isName(slot.name, kind)) {
      add(place, at, `"${slot.name}" is no name for ${kind} that an argument may set`, NAME_FIX);
    } else if ((taken.get(slot.name) ?? slot.argument) !== slot.argument) {
      // The service would take either the first or the last of the two.
      add(place, at, `two arguments are sent as "${slot.name}"`, "send one argument by each name");
    }
    taken.set(slot.name, slot.argument);
    slots.push(slot);
    uses.push({ name: slot.argument, node: find(item, "argument") ?? item });
    if (kind !== "body" || slot.form === "brackets") checkType(slot, kind, item, args, place);
  }
  return { slots, uses };
}

const readWhole = fields({ argument: required(text(64)) });

/** An object of arguments, or one argument as it is: some services take a list. */
export function readBody(
  node: Located | undefined,
  encoding: "json" | "form",
  args: Arguments | undefined,
  place: Place,
): Slots | { readonly whole: string; readonly uses: readonly SlotUse[] } | null {
  if (node === undefined) return null;
  if (node.type !== "object") {
    expectType(node, "array", place);
    return readSlots(node, encoding === "form" ? "form" : "body", args, place);
  }
  if (encoding === "form") {
    add(place, node, "a form has a name for each of its values", 'list its arguments: ["name", …]');
  }
  const whole = readWhole(node, place)?.argument;
  if (whole === undefined) return { slots: [], uses: [] };
  return { whole, uses: [{ name: whole, node: find(node, "argument") ?? node }] };
}

const NAME_FIX =
  "use the name that the service knows; headers in lower case, none that frames or authorises";

function readSlot(item: Located, place: Place): HttpSlot | undefined {
  if (item.type === "string") {
    const name = text(64)(item, place);
    return name === undefined ? undefined : { argument: name, name, form: "plain" };
  }
  const values = read(item, place);
  if (values?.argument === undefined) return undefined;
  const { argument, name, list, object } = values;
  return { argument, name: name ?? argument, form: object ?? list ?? "plain" };
}

function isName(name: string, kind: SlotKind): boolean {
  if (kind === "cookies") return COOKIE.test(name);
  if (kind !== "headers") return name !== "__proto__";
  return isRequestHeader(name);
}

/** One line of text each; in a query or a form also a list of such, or with brackets whatever holds such. */
function checkType(
  { argument, form }: HttpSlot,
  kind: SlotKind,
  node: Located,
  args: Arguments | undefined,
  place: Place,
): void {
  if (args?.names.includes(argument) !== true) return;
  const schema = args.schema(argument);
  const types = typesOf(schema);
  const isList = types.join() === "array";
  const many = kind === "query" || kind === "form";
  const held = node.members.has("object") ? "object" : "array";
  if (form === "brackets" && many && types.join() === held && isBracketed(schema)) return;
  const found = isList && many ? typesOf(find(schema, "items")) : types;
  if (form !== "brackets" && areScalars(found) && (isList || form === "plain")) return;
  place.report.add(place.file, node.offset, "argument_type", ...typeFault(argument, form, isList));
}

function typeFault(argument: string, form: HttpSlot["form"], isList: boolean): [string, string] {
  const fix = `give "${argument}" one of these types, or send it in a body of JSON`;
  if (form === "brackets") {
    const message = `"${argument}" is no object ("object") or list ("list") of a query or a form, in which everything is declared`;
    return [
      message,
      'declare "properties", "items" and "additionalProperties" (or false) down to string, number, integer or boolean',
    ];
  }
  return form === "comma" && !isList
    ? [`"${argument}" is no list, so nothing of it is separated by commas`, fix]
    : [
        `"${argument}" is sent as text, but is not declared as string, number, integer or boolean`,
        fix,
      ];
}

/** Whatever it holds, also what nobody named, is one line of text in the end. */
function isBracketed(schema: Located | undefined): boolean {
  const types = typesOf(schema);
  if (types.join() === "array") return isBracketed(find(schema, "items"));
  if (types.join() !== "object") return areScalars(types);
  const extra = find(schema, "additionalProperties");
  const members = [...(find(schema, "properties")?.members.values() ?? [])];
  const closed = extra !== undefined && (extra.value === false || isBracketed(extra));
  return closed && members.every(({ node }) => isBracketed(node));
}

function areScalars(types: readonly string[]): boolean {
  return types.length > 0 && types.every((type) => SCALARS.includes(type));
}

function add(place: Place, node: Located, message: string, fix: string): void {
  place.report.add(place.file, node.offset, "wrong_value", message, fix);
}
