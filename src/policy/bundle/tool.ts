import { createHash } from "node:crypto";
import type { Tool } from "../../core/model/bundle.ts";
import { canonical } from "../../core/model/json.ts";
import { ACTIONS, TIERS } from "../../core/model/policy.ts";
import { argumentType, type CedarType } from "../cedar/schema.ts";
import { readInput, type Arguments } from "./input.ts";
import {
  MAX_DESCRIPTION_CHARS,
  MAX_RESULT_BYTES,
  MAX_TIMEOUT_MS,
  MAX_TITLE_CHARS,
} from "./limits.ts";
import { find, type Located } from "./located.ts";
import type { Manifest } from "./manifest.ts";
import type {
  DestinationDescription,
  Template,
  ToolDescription,
  UndoDescription,
} from "./model.ts";
import { ARGUMENT_NAME, TOOL_ID } from "./names.ts";
import { readOutput } from "./output.ts";
import {
  dictionary,
  expectKnown,
  fields,
  flag,
  id,
  integer,
  list,
  missing,
  oneOf,
  optional,
  pointer,
  raw,
  required,
  text,
  type Place,
  type Values,
} from "./read.ts";
import { readTemplate, templateFields } from "./template-kinds.ts";
import { add, type ReadTemplate } from "./template.ts";
import { checkLimits } from "./tool-limits.ts";
import { checkNames, checkReview } from "./tool-names.ts";

const spec = {
  id: required(id(TOOL_ID)),
  title: required(text(MAX_TITLE_CHARS)),
  description: required(text(MAX_DESCRIPTION_CHARS)),
  owner: optional(text(MAX_TITLE_CHARS)),
  review: optional(list(text(64))),
  destination: required(text(64)),
  action: required(oneOf(ACTIONS)),
  tier: required(oneOf(TIERS)),
  writeDomain: optional(text(64)),
  labels: optional(list(text(64))),
  policyArguments: optional(list(text(64))),
  sourceArguments: optional(list(text(64))),
  target: optional(list(text(64))),
  trusted: optional(flag),
  agent: optional(text(64)),
  canary: optional(flag),
  undo: optional(
    fields({
      tool: required(id(TOOL_ID)),
      arguments: required(dictionary(ARGUMENT_NAME, pointer)),
    }),
  ),
  cost: required(integer(0)),
  timeoutMs: required(integer(1, MAX_TIMEOUT_MS)),
  maxResultBytes: required(integer(1, MAX_RESULT_BYTES)),
  maxAnswerBytes: optional(integer(1, MAX_RESULT_BYTES)),
  paging: optional(list(text(64))),
  ...templateFields,
  input: required(raw),
  output: optional(raw),
};
const read = fields(spec);
type ToolValues = Values<typeof spec>;
const REVIEWABLE = Object.keys(spec).filter((key) => key !== "review");

export interface ReadTool {
  /** The file's name: what others refer to, whatever the file says. */
  readonly id: string;
  /** Undefined when the file has a mistake. */
  readonly description: ToolDescription | undefined;
  readonly arguments: readonly string[];
  readonly policyArguments: readonly PolicyArgument[];
  readonly sourceArguments: readonly string[];
}

export interface PolicyArgument {
  readonly name: string;
  readonly type: CedarType;
  readonly offset: number;
}

export function readTool(
  fileId: string,
  node: Located,
  manifest: Manifest,
  place: Place,
): ReadTool {
  const before = place.report.count;
  const values = read(node, place);
  if (values === undefined) {
    return unreadTool(fileId);
  }
  if (values.id !== undefined && values.id !== fileId) {
    add(
      place,
      find(node, "id"),
      "tool_file_name",
      `the tool "${values.id}" stands in ${place.file.path}`,
      `name the file tools/${values.id}.jsonc, or the tool "${fileId}"`,
    );
  }
  const destination = checkDestination(node, values, manifest, place);
  checkNames(node, values, manifest, place);
  checkLimits(node, values, destination, place);
  checkReview(node, REVIEWABLE, place);
  const args = values.input && readInput(values.input, place);
  const policyArguments = args === undefined ? [] : readPolicyArguments(node, args, place);
  const sourceArguments = readNames(node, "sourceArguments", args, place);
  const target = readNames(node, "target", args, place);
  const paging = readNames(node, "paging", args, place);
  const { dataClasses } = manifest;
  const context = { action: values.action, args, dataClasses, destination };
  const template = readTemplate(node, values.output, context, place);
  const derived = template?.derived?.policyArguments ?? [];
  if (values.output === undefined && !node.members.has("search")) missing(node, "output", place);
  const output =
    template?.output ?? (values.output && readOutput(values.output, dataClasses, place));

  const whole =
    place.report.count === before &&
    values.input !== undefined &&
    destination !== undefined &&
    template !== undefined &&
    output?.description !== undefined;
  return {
    id: fileId,
    arguments: [...(args?.names ?? []), ...derived.map(({ name }) => name)],
    policyArguments: [
      ...policyArguments,
      ...derived.map((one) => ({ ...one, offset: find(node, "id")?.offset ?? 0 })),
    ],
    sourceArguments,
    description: whole
      ? {
          tool: coreTool(node, values, output.classes, template, manifest, destination),
          title: values.title ?? "",
          description: values.description ?? "",
          owner: values.owner ?? manifest.owner,
          review: values.review ?? [],
          destination,
          template: template.template,
          target: values.target === undefined ? (args?.names ?? []) : target,
          undo: undoOf(values.undo),
          input: values.input.value as ToolDescription["input"],
          output: output.description,
          paging,
          maxAnswerBytes: values.maxAnswerBytes ?? null,
        }
      : undefined,
  };
}

export function unreadTool(fileId: string): ReadTool {
  return {
    id: fileId,
    description: undefined,
    arguments: [],
    policyArguments: [],
    sourceArguments: [],
  };
}

/** Names of arguments under one key, as far as they are arguments. */
function readNames(
  node: Located,
  key: string,
  args: Arguments | undefined,
  place: Place,
): readonly string[] {
  return (find(node, key)?.items ?? []).flatMap((item) => argumentNamed(item, args, place) ?? []);
}

/** Null: it names none. */
function argumentNamed(item: Located, args: Arguments | undefined, place: Place): string | null {
  if (item.type !== "string" || args === undefined) return null;
  const name = item.value as string;
  const where = "the input schema";
  return expectKnown(name, args.names, item.offset, "argument_unknown", "argument", where, place)
    ? name
    : null;
}

function undoOf(values: ToolValues["undo"]): UndoDescription | null {
  if (values === undefined) return null;
  const args = [...(values.arguments ?? [])].map(([name, at]) => [name, at ?? ""]);
  return {
    tool: values.tool ?? "",
    arguments: Object.fromEntries(args) as { [argument: string]: string },
  };
}

function coreTool(
  node: Located,
  values: Values<typeof spec>,
  classes: readonly string[],
  { template, preview, derived }: ReadTemplate<Template>,
  manifest: Manifest,
  { id: destination, network, tier }: DestinationDescription,
): Tool {
  const { writeDomain } = values;
  const minutes = template.kind === "http" ? template.idempotencyMinutes : null;
  const domain = manifest.writeDomains.find(({ id: one }) => one === writeDomain);
  return {
    id: values.id ?? "",
    definition: createHash("sha256").update(canonical(node.value)).digest("hex"),
    destination,
    place: { network, tier },
    action: values.action ?? "execute",
    tier: values.tier ?? "critical",
    ...(writeDomain !== undefined && { writeDomain }),
    dataClasses: derived?.dataClasses ?? classes,
    labels: (values.labels ?? []).toSorted(),
    policyArguments: [
      ...(values.policyArguments ?? []),
      ...(derived?.policyArguments.map(({ name }) => name) ?? []),
    ],
    sourceArguments: values.sourceArguments ?? [],
    trusted: values.trusted === true,
    agent: values.agent ?? null,
    reviewed: (values.review ?? []).length === 0,
    canary: values.canary === true,
    critical: domain?.critical === true,
    resendMs: minutes === null ? null : minutes * 60_000,
    preview,
    cost: values.cost ?? 0,
    timeoutMs: values.timeoutMs ?? 1,
    maxResultBytes: values.maxResultBytes ?? 1,
  };
}

function checkDestination(
  node: Located,
  values: ToolValues,
  manifest: Manifest,
  place: Place,
): DestinationDescription | undefined {
  const name = values.destination;
  if (name === undefined) return undefined;
  const at = find(node, "destination");
  if (
    !expectKnown(
      name,
      manifest.destinationIds,
      at?.offset ?? 0,
      "unknown_destination",
      "destination",
      "destinations of bundle.jsonc",
      place,
    )
  ) {
    return undefined;
  }
  const destination = manifest.destinations.get(name);
  if (destination === undefined || values.tier === undefined) return destination;
  if (TIERS.indexOf(values.tier) > TIERS.indexOf(destination.tier)) {
    add(
      place,
      find(node, "tier"),
      "tier_above_destination",
      `the tier "${values.tier}" is above "${destination.tier}", the tier of "${name}"`,
      `lower it to "${destination.tier}", or use a destination of the tier "${values.tier}"`,
    );
  }
  return destination;
}

function readPolicyArguments(
  node: Located,
  args: Arguments,
  place: Place,
): readonly PolicyArgument[] {
  return (find(node, "policyArguments")?.items ?? []).flatMap((item) => {
    const name = argumentNamed(item, args, place);
    if (name === null) return [];
    const type = argumentType(args.schema(name)?.value);
    if (type !== undefined) return [{ name, type, offset: item.offset }];
    add(
      place,
      item,
      "policy_argument_type",
      `policies cannot read "${name}": Cedar has no such type`,
      "declare it as string, integer, boolean, or an array of one of these; without null",
    );
    return [];
  });
}
