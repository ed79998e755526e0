import type { Tool, TrustEdge } from "../../core/model/bundle.ts";
import type { Json, JsonObject } from "../../core/model/json.ts";
import type { Tier } from "../../core/model/policy.ts";

/** The files of a bundle: path with `/` → text. Nothing else of the folder counts. */
export type BundleFiles = { readonly [path: string]: string };

/** A bundle without a mistake, as data. Made by `checkBundle`, compiled by `compileBundle`. */
export interface BundleSource {
  /** The policy version: SHA-256, hex, of the canonical content. */
  readonly digest: string;
  readonly name: string;
  readonly dataClasses: readonly string[];
  readonly labels: readonly string[];
  readonly destinations: readonly DestinationDescription[];
  readonly writeDomains: readonly WriteDomain[];
  readonly agents: readonly AgentDescription[];
  readonly trust: readonly TrustEdge[];
  /** Sorted by id. */
  readonly tools: readonly ToolDescription[];
  readonly policies: PolicyTexts;
}

export const DESTINATION_KINDS = ["http", "postgres"] as const;
export type DestinationKind = (typeof DESTINATION_KINDS)[number];

export interface DestinationDescription {
  readonly id: string;
  readonly kind: DestinationKind;
  /** Which connectors can reach it. */
  readonly network: string;
  readonly tier: Tier;
}

export interface WriteDomain {
  readonly id: string;
  readonly critical: boolean;
}

/** A public key that may sign an agent's assertions; its algorithm is pinned here, not by a token. */
export interface AgentKey {
  readonly kid: string;
  readonly kty: "OKP" | "EC";
  readonly crv: "Ed25519" | "P-256";
  readonly x: string;
  readonly y?: string;
  readonly alg: "EdDSA" | "ES256";
}

export interface AgentDescription {
  readonly id: string;
  readonly title: string;
  readonly keys: readonly AgentKey[];
}

/** One tool, whole: what core decides on, and what shaping, sending and redaction need. */
export interface ToolDescription {
  readonly tool: Tool;
  readonly title: string;
  readonly description: string;
  readonly destination: DestinationDescription;
  readonly template: HttpTemplate | SqlTemplate;
  /** JSON Schema of the arguments: an object with `additionalProperties: false`. */
  readonly input: JsonObject;
  readonly output: OutputDescription;
}

export const HTTP_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"] as const;
export type HttpMethod = (typeof HTTP_METHODS)[number];

/** Each argument stands in exactly one of path, query and body. */
export interface HttpTemplate {
  readonly kind: "http";
  readonly method: HttpMethod;
  /** Begins with `/`; `{name}` is a whole segment and names a required argument. */
  readonly path: string;
  /** Arguments sent as query parameters, in this order. */
  readonly query: readonly string[];
  /** Arguments that form a JSON object body; null: no body is sent. */
  readonly body: readonly string[] | null;
}

export interface SqlTemplate {
  readonly kind: "sql";
  readonly statement: string;
  /** Arguments in the order of `$1`, `$2`, …; an absent one is NULL. */
  readonly params: readonly string[];
  readonly maxRows: number;
  /** `read` for the actions read and summarize. */
  readonly mode: "read" | "write";
}

export type OutputDescription =
  | { readonly kind: "json"; readonly schema: AnnotatedSchema }
  | { readonly kind: "text" | "binary" | "mcp-content"; readonly dataClass: string };

export const SCHEMA_TYPES = [
  "object",
  "array",
  "string",
  "number",
  "integer",
  "boolean",
  "null",
] as const;
export type SchemaType = (typeof SCHEMA_TYPES)[number];

/** The closed dialect of output schemas: what redaction can walk, and nothing it would overlook. */
export interface AnnotatedSchema {
  readonly type: SchemaType | readonly SchemaType[];
  readonly properties?: { readonly [name: string]: AnnotatedSchema };
  readonly required?: readonly string[];
  readonly items?: AnnotatedSchema;
  readonly additionalProperties?: AnnotatedSchema | false;
  readonly enum?: readonly Json[];
  readonly const?: Json;
  readonly title?: string;
  readonly description?: string;
  readonly format?: string;
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  /** Holds for every descendant that names no class of its own. */
  readonly dataClass?: string;
  readonly records?: readonly RecordClass[];
}

/** A whole record has a class of its own, always or when it matches a JSON Schema. */
export interface RecordClass {
  readonly dataClass: string;
  readonly when?: JsonObject;
}

export const POLICY_FILES = ["network", "data", "action", "budget", "authority"] as const;
export type PolicyFile = (typeof POLICY_FILES)[number];
export type PolicyTexts = { readonly [file in PolicyFile]: string };
