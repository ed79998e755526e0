import type { Json, JsonObject } from "../../core/model/json.ts";
import { isObject } from "../../core/model/json.ts";
import { ACTIONS, type PolicyClass } from "../../core/model/policy.ts";
import type { SchemaJson } from "./engine.ts";

export type CedarType =
  | { readonly type: "String" | "Long" | "Boolean" }
  | { readonly type: "Set"; readonly element: CedarType };

/** Cedar type of each argument that some tool shows to policy. */
export type ArgumentTypes = ReadonlyMap<string, CedarType>;

/** The questions of each class: what a policy in that file can be about. */
export const CLASS_ACTIONS: { readonly [policyClass in PolicyClass]: readonly string[] } = {
  network: ["connect"],
  action: ACTIONS,
  data: ["disclose"],
  budget: ["spend"],
};

const RESOURCES: { readonly [policyClass in PolicyClass]: string } = {
  network: "Destination",
  action: "Tool",
  data: "DataClass",
  budget: "Tool",
};

const string = { type: "String" } as const;
const long = { type: "Long" } as const;
const strings = { type: "Set", element: string } as const;

/** `contextOf` in core/session/judge.ts, as types. All of it is always there, except arguments. */
export const CONTEXT_TYPES: { readonly [attribute: string]: CedarType } = {
  purpose: string,
  trust: string,
  human: string,
  depth: long,
  seats: long,
  calls: long,
  cost: long,
  runtimeMs: long,
  labels: strings,
  writeDomains: strings,
  approvals: strings,
  tool: string,
};

/** A class's own schema, so that a policy in the wrong file does not validate. */
export function cedarSchema(policyClass: PolicyClass, args: ArgumentTypes): SchemaJson<string> {
  const context = {
    type: "Record" as const,
    attributes: {
      ...CONTEXT_TYPES,
      arguments: {
        type: "Record" as const,
        attributes: Object.fromEntries(
          [...args].map(([name, type]) => [name, { ...type, required: false }]),
        ),
      },
    },
  };
  const appliesTo = {
    principalTypes: ["Agent"],
    resourceTypes: [RESOURCES[policyClass]],
    context,
  };
  return {
    "": {
      entityTypes: {
        Agent: {},
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
      actions: Object.fromEntries(
        CLASS_ACTIONS[policyClass].map((action) => [action, { appliesTo }]),
      ),
    },
  } as unknown as SchemaJson<string>;
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
