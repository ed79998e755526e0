import { policyToJson, validate, type DetailedError, type PolicyJson } from "../cedar/engine.ts";
import { cedarSchema, type ContextTypes, QUESTIONS } from "../cedar/schema.ts";
import { fromByteOffset, splitPolicies, type PolicyPiece } from "../cedar/split.ts";
import { numbersOf } from "../cedar/walk.ts";
import { MAX_INTEGER, MAX_POLICIES, MAX_POLICY_CHARS, MAX_POLICY_WEIGHT } from "./limits.ts";
import { POLICY_FILES, type PolicyFile } from "./model.ts";
import { RESERVED_RULE_PREFIXES, RULE_ID } from "./names.ts";
import { checkReferences, type Vocabulary } from "./policy-references.ts";
import type { Place } from "./read.ts";

/** A policy that parsed, with its place. */
export interface ParsedPolicy {
  readonly id: string;
  readonly json: PolicyJson;
  readonly piece: PolicyPiece;
}

/** All policies of a bundle share one set of rule ids: a denial must name exactly one rule. */
export class RuleIds {
  readonly #places = new Map<string, string>();

  get all(): readonly string[] {
    return [...this.#places.keys()];
  }

  /** Where the id was taken before, or null. */
  take(id: string, where: string): string | null {
    const taken = this.#places.get(id);
    if (taken !== undefined) return taken;
    this.#places.set(id, where);
    return null;
  }
}

/** What policies may speak of. */
export interface PolicyWorld {
  readonly vocabulary: Vocabulary;
  /** Null: not all arguments are known, so nothing can be said about types. */
  readonly types: ContextTypes | null;
}

/** Parses and validates one file of policies; without a world only what stands in the file. */
export function checkPolicies(
  file: PolicyFile,
  world: PolicyWorld | null,
  ids: RuleIds,
  place: Place,
): void {
  const pieces = splitPolicies(place.file.text);
  if (pieces.length > MAX_POLICIES) {
    place.report.add(
      place.file,
      0,
      "policies_too_many",
      `${pieces.length} policies are more than ${MAX_POLICIES}`,
      "write fewer, more general policies: each one costs time on every call",
    );
    return;
  }
  for (const piece of pieces) {
    const parsed = parse(piece, place);
    if (parsed === null) continue;
    checkId(parsed, ids, place);
    const before = place.report.count;
    checkActions(file, parsed, place);
    checkNumbers(parsed, place);
    if (world === null) continue;
    checkReferences(parsed, world.vocabulary, place);
    if (world.types !== null) checkAgainstSchema(file, parsed, world.types, before, place);
  }
}

function parse(piece: PolicyPiece, place: Place): ParsedPolicy | null {
  const unfit = unfitness(piece);
  if (unfit !== null) {
    const fix = "split it into several policies, or list values in a set";
    place.report.add(place.file, piece.offset, unfit, "this policy is too complex", fix);
    return null;
  }
  const answer = policyToJson(piece.text);
  if (answer.type === "success") {
    return { id: answer.json.annotations?.["id"] ?? "", json: answer.json, piece };
  }
  for (const error of answer.errors) addCedar("cedar_syntax", error, piece, place);
  return null;
}

function unfitness(piece: PolicyPiece): "too_long" | "too_deep" | null {
  if (piece.text.length > MAX_POLICY_CHARS) return "too_long";
  const code = piece.text.replaceAll(STRING_OR_COMMENT, "");
  let weight = code.match(OPERATOR)?.length ?? 0;
  let depth = 0;
  let deepest = 0;
  for (const char of code) {
    if ("([{".includes(char)) deepest = Math.max(deepest, ++depth);
    else if (")]}".includes(char)) depth--;
  }
  weight += 3 * deepest;
  return weight > MAX_POLICY_WEIGHT ? "too_deep" : null;
}

const STRING_OR_COMMENT = /"(?:[^"\\]|\\[^])*"|\/\/[^\n]*/g;
const OPERATOR = /&&|\|\||[=!<>]=|[-+*!.<>]|\b(?:has|like|in|is|if|when|unless)\b/g;

function checkId({ id, piece }: ParsedPolicy, ids: RuleIds, place: Place): void {
  const { report, file } = place;
  if (id === "") {
    report.add(
      file,
      piece.offset,
      "policy_without_id",
      "every policy needs an @id: a denial names it",
      'write @id("…") in front of the policy',
    );
    return;
  }
  const offset = piece.offset + Math.max(0, piece.text.search(/@id\b/));
  const prefix = RESERVED_RULE_PREFIXES.find((one) => id.startsWith(one));
  if (prefix !== undefined) {
    report.add(
      file,
      offset,
      "policy_id_reserved",
      `ids that begin with "${prefix}" are Postern's own`,
      `call it "${id.slice(prefix.length)}"`,
    );
  } else if (!RULE_ID.test(id)) {
    report.add(
      file,
      offset,
      "policy_id_bad",
      "this id cannot be shown safely in answers and logs",
      `use an id that matches ${RULE_ID.source}`,
    );
  }
  const { line } = file.position(offset);
  const taken = ids.take(id, `${file.path}:${line}`);
  if (taken !== null) {
    report.add(
      file,
      offset,
      "policy_id_duplicate",
      `the id "${id}" is taken by ${taken}`,
      "give each policy of the bundle an id of its own",
    );
  }
}

/** A policy about another class's question would never be asked: its author believes it holds. */
function checkActions(policyClass: PolicyFile, { json, piece }: ParsedPolicy, place: Place): void {
  const { action } = json;
  const named =
    action.op === "All" || !("entity" in action || "entities" in action)
      ? []
      : "entity" in action
        ? [action.entity]
        : action.entities;
  for (const entity of named) {
    const { id } = "__entity" in entity ? entity.__entity : entity;
    const home = POLICY_FILES.find((one) => QUESTIONS[one].includes(id));
    if (home === undefined || home === policyClass) continue;
    place.report.add(
      place.file,
      piece.offset + Math.max(0, piece.text.indexOf(`"${id}"`)),
      "policy_wrong_class",
      `"${id}" is a question of the class ${home}, which this file never sees`,
      `move the policy to policies/${home}.cedar`,
    );
  }
}

/** Beyond 2^53 neither JSON nor JavaScript counts exactly. */
function checkNumbers({ json, piece }: ParsedPolicy, place: Place): void {
  if (numbersOf(json).every((number) => Math.abs(number) <= MAX_INTEGER)) return;
  const at = piece.text.search(/\d{16,}/);
  place.report.add(
    place.file,
    piece.offset + Math.max(0, at),
    "policy_number",
    "this number is not exact in JSON",
    "stay below 2^53",
  );
}

/** What strict validation says, warnings too: a policy that can never apply is a mistake. */
function checkAgainstSchema(
  policyClass: PolicyFile,
  { piece }: ParsedPolicy,
  types: ContextTypes,
  mistakesBefore: number,
  place: Place,
): void {
  const answer = validate({
    schema: cedarSchema(policyClass, types),
    policies: { staticPolicies: { policy: piece.text } },
  });
  // A misnamed entity or action makes Cedar complain about everything that follows from it.
  if (place.report.count > mistakesBefore) return;
  if (answer.type === "failure") {
    for (const error of answer.errors) addCedar("cedar_invalid", error, piece, place);
    return;
  }
  for (const error of oncePerPlace(answer.validationErrors.map((one) => one.error))) {
    addCedar("cedar_invalid", error, piece, place);
  }
  if (answer.validationErrors.length > 0) return;
  // Several warnings about one policy have one cause; the first is the nearest to it.
  const [warning] = answer.validationWarnings;
  if (warning !== undefined) addCedar("cedar_warning", warning.error, piece, place);
}

/** Cedar repeats an error for each action a policy may apply to, in no fixed order. */
function oncePerPlace(errors: readonly DetailedError[]): readonly DetailedError[] {
  const kept = new Map<string, DetailedError>();
  for (const error of errors.toSorted((a, b) => (a.message < b.message ? -1 : 1))) {
    const key = `${error.sourceLocations?.[0]?.start ?? 0} ${error.help ?? error.message}`;
    if (!kept.has(key)) kept.set(key, error);
  }
  return [...kept.values()];
}

function addCedar(
  code: "cedar_syntax" | "cedar_invalid" | "cedar_warning",
  error: DetailedError,
  piece: PolicyPiece,
  place: Place,
): void {
  const [location] = error.sourceLocations ?? [];
  const label = location?.label == null ? "" : ` (${location.label})`;
  const message = error.message.replace(PREAMBLE, "");
  place.report.add(
    place.file,
    piece.offset + fromByteOffset(piece.text, location?.start ?? 0),
    code,
    message + label,
    error.help?.replace(PREAMBLE, "") ?? DEFAULT_FIX[code],
  );
}

/** What Cedar puts before every message of ours, since each policy is parsed alone. */
const PREAMBLE = /^(?:for policy `policy`, |failed to parse policy from string: )/;

const DEFAULT_FIX = {
  cedar_syntax: "correct the syntax here or just before",
  cedar_invalid: "use the entities, actions and context that questions of this class have",
  cedar_warning: "change the policy so that it can apply, or remove it",
} as const;
