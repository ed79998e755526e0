import type { Json, JsonObject } from "../../core/model/json.ts";
import { isObject } from "../../core/model/json.ts";
import { ACTIONS } from "../../core/model/policy.ts";
import type { PolicyFile } from "../bundle/model.ts";
import type { SchemaJson } from "./engine.ts";

export type CedarType =
  | { readonly type: "String" | "Long" | "Boolean" }
  | { readonly type: "Set"; readonly element: CedarType };

/** Cedar type of each argument that some tool shows to policy. */
export type ArgumentTypes = ReadonlyMap<string, CedarType>;

/** What the tools of a bundle show to its policies. */
export interface ContextTypes {
  readonly arguments: ArgumentTypes;
  /** Arguments of which policies also see where their value came from. */
  readonly sources: readonly string[];
}

/** The questions of each file: what a policy in it can be about. */
export const QUESTIONS: { readonly [file in PolicyFile]: readonly string[] } = {
  network: ["connect"],
  action: ACTIONS,
  data: ["disclose"],
  budget: ["spend"],
  authority: ["approve"],
};

const RESOURCES = {
  network: "Destination",
  action: "Tool",
  data: "DataClass",
  budget: "Tool",
} as const;

const string = { type: "String" } as const;
const long = { type: "Long" } as const;
const boolean = { type: "Boolean" } as const;
const strings = { type: "Set", element: string } as const;

/** `contextOf` in core/session/judge.ts, as types. All of it is always there, except arguments. */
export const CONTEXT_TYPES: { readonly [attribute: string]: CedarType } = {
  purpose: string,
  trust: string,
  human: string,
  depth: long,
  chain: strings,
  seats: long,
  calls: long,
  cost: long,
  runtimeMs: long,
  tokens: long,
  labels: strings,
  writeDomains: strings,
  approvals: strings,
  tool: string,
};

/** `AuthorityQuestion.context` of core, by question. */
export const AUTHORITY_TYPES = {
  approve: {
    ...{ groups: strings, requester: boolean, agent: string, purpose: string, tool: string },
    ...{ action: string, tier: string },
  },
} as const;

/** A file's own schema, so that a policy in the wrong file does not validate. */
export function cedarSchema(file: PolicyFile, types: ContextTypes): SchemaJson<string> {
  const actions =
    file === "authority"
      ? { approve: authority("approve", "ApprovalKind") }
      : Object.fromEntries(
          QUESTIONS[file].map((action) => [action, { appliesTo: callQuestion(file, types) }]),
        );
  return {
    "": {
      entityTypes: {
        Agent: {},
        Human: {},
        ApprovalKind: {},
        DataClass: {},
        Destination: { shape: record({ network: string, tier: string, kind: string }) },
        Tool: {
          shape: record({
            destination: { type: "Entity", name: "Destination" },
            action: string,
            tier: string,
            writeDomain: { ...string, required: false },
          }),
        },
      },
      actions,
    },
  } as unknown as SchemaJson<string>;
}

function authority(question: keyof typeof AUTHORITY_TYPES, resource: string): object {
  const context = record(AUTHORITY_TYPES[question]);
  return { appliesTo: { principalTypes: ["Human"], resourceTypes: [resource], context } };
}

/** Only `disclose` is also asked of humans, who then have groups: what may an approver see? */
function callQuestion(file: keyof typeof RESOURCES, types: ContextTypes): object {
  const humans = file === "data";
  return {
    principalTypes: humans ? ["Agent", "Human"] : ["Agent"],
    resourceTypes: [RESOURCES[file]],
    context: record({
      ...CONTEXT_TYPES,
      ...(humans && { groups: { ...strings, required: false } }),
      arguments: record(optional(types.arguments)),
      sources: record(optional(types.sources.map((name) => [name, strings]))),
    }),
  };
}

function optional(types: Iterable<readonly [string, CedarType]>): object {
  return Object.fromEntries([...types].map(([name, type]) => [name, { ...type, required: false }]));
}

function record(attributes: object): object {
  return { type: "Record", attributes };
}

/**
 * The Cedar type of an argument's JSON Schema; undefined where Cedar has none. Cedar knows neither
 * null nor fractions; nested objects could smuggle entities into the context.
 */
export function argumentType(schema: Json | undefined): CedarType | undefined {
  if (!isObject(schema)) return undefined;
  switch (schema["type"]) {
    case "string":
      return { type: "String" };
    case "integer":
      return { type: "Long" };
    case "boolean":
      return { type: "Boolean" };
    case "array": {
      const element = argumentType((schema as JsonObject)["items"]);
      return element === undefined || element.type === "Set" ? undefined : { type: "Set", element };
    }
    default:
      return undefined;
  }
}

export function sameType(a: CedarType, b: CedarType): boolean {
  return nameOfType(a) === nameOfType(b);
}

export function nameOfType(type: CedarType): string {
  return type.type === "Set" ? `Set<${nameOfType(type.element)}>` : type.type;
}
