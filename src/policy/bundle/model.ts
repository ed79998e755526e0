import type {
  ApprovalKind,
  ContainmentRule,
  DelegationEdge,
  Tool,
  TrustEdge,
} from "../../core/model/bundle.ts";
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
  readonly delegations: readonly DelegationEdge[];
  readonly approvalKinds: readonly ApprovalKind[];
  readonly containment: readonly ContainmentRule[];
  /** Sorted by id. */
  readonly tools: readonly ToolDescription[];
  readonly policies: PolicyTexts;
}

export const DESTINATION_KINDS = ["http", "postgres", "mcp"] as const;
export type DestinationKind = (typeof DESTINATION_KINDS)[number];

export interface DestinationDescription {
  readonly id: string;
  readonly kind: DestinationKind;
  /** Which connectors can reach it. */
  readonly network: string;
  readonly tier: Tier;
  /** What a query may be about; absent: only named statements run there. */
  readonly relations?: readonly RelationDescription[];
}

/** A table or view of a database. A view has classes of its own, whatever it reads. */
export interface RelationDescription {
  readonly schema: string;
  readonly name: string;
  /** What one learns of a row by seeing that it is there, and of each column that names no class. */
  readonly dataClass: string;
  readonly columns: readonly {
    readonly name: string;
    /** For whoever writes the query. */
    readonly type: string;
    readonly dataClass: string;
  }[];
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
  /** Who answers for it, in words. */
  readonly owner: string;
  /** Members of its file that nobody has confirmed yet: not empty, nobody may call it. */
  readonly review: readonly string[];
  readonly destination: DestinationDescription;
  readonly template: Template;
  /** JSON Schema of the arguments: an object with `additionalProperties: false`. */
  readonly input: JsonObject;
  readonly output: OutputDescription;
  /** Arguments that choose which part of a result comes. */
  readonly paging: readonly string[];
  /** Bytes that the service may send; null: what is usual for the tool's cap. */
  readonly maxAnswerBytes: number | null;
  /** Arguments that name what is acted on: a rejection holds for all calls with the same ones. */
  readonly target: readonly string[];
  /** How the state before is written back; null: what this tool did cannot be undone. */
  readonly undo: UndoDescription | null;
}

/** Another tool, and where each of its arguments is found in `{arguments, before, after}`. */
export interface UndoDescription {
  readonly tool: string;
  /** Argument → JSON Pointer. */
  readonly arguments: { readonly [argument: string]: string };
}

/** What a tool does, by `kind`. */
export type Template =
  | HttpTemplate
  | SqlTemplate
  | QueryTemplate
  | WriteTemplate
  | McpTemplate
  | SearchTemplate;

export const HTTP_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"] as const;
export type HttpMethod = (typeof HTTP_METHODS)[number];

/** Where one argument goes, and what it is called there. */
export interface HttpSlot {
  readonly argument: string;
  /** On the wire: of a query parameter, a header in lower case, a cookie, a member of the body. */
  readonly name: string;
  /**
   * Of a list: `plain` repeats the name, `comma` is one text. Of an object, and of a list by its places:
   * `brackets` is `name[key][0]` for each value in it (OpenAPI's `deepObject`).
   */
  readonly form: "plain" | "comma" | "brackets";
}

/** Each argument stands in exactly one of path, query, headers, cookies and body. */
export interface HttpTemplate {
  readonly kind: "http";
  readonly method: HttpMethod;
  /** Begins with `/`; `{name}` is a whole segment and names a required argument. */
  readonly path: string;
  /** Arguments sent as query parameters, in this order. */
  readonly query: readonly HttpSlot[];
  readonly headers: readonly HttpSlot[];
  readonly cookies: readonly HttpSlot[];
  /** Arguments that form a JSON object, or the one that is the body; null: no body is sent. */
  readonly body: readonly HttpSlot[] | { readonly argument: string } | null;
  /** `form`: `application/x-www-form-urlencoded`, of slots only. */
  readonly encoding: "json" | "form";
  /** Header that makes the service act once on one key; null: it knows none. */
  readonly idempotencyHeader: string | null;
  /** How long it knows a key: within, a call whose answer was lost is sent again. Null: never. */
  readonly idempotencyMinutes: number | null;
  readonly preview: HttpPreview | null;
}

/** The resource is read, and what the call would make of it is worked out here. */
export interface HttpPreview {
  /** As `HttpTemplate.path`. */
  readonly path: string;
  /** `merge`: the body is an RFC 7396 patch of the resource; `replace`: it is the new one. */
  readonly apply: "merge" | "replace" | "delete";
  /** Volatile members, as JSON Pointers. */
  readonly ignore: readonly string[];
  /** False: the service has no entity tags, and the gap between preview and effect is declared. */
  readonly etag: boolean;
  /** Of the resource. */
  readonly schema: AnnotatedSchema;
}

export interface SqlTemplate {
  readonly kind: "sql";
  readonly statement: string;
  /** Arguments in the order of `$1`, `$2`, …; an absent one is NULL. */
  readonly params: readonly string[];
  readonly maxRows: number;
  /** `read` for the actions read and summarize. */
  readonly mode: "read" | "write";
  readonly preview: SqlPreview | null;
}

/** A tool of an MCP server: all arguments are passed on as they are. */
export interface McpTemplate {
  readonly kind: "mcp";
  /** As the server calls it. */
  readonly tool: string;
  /** SHA-256, hex, of the definition that was reviewed (docs/protocol/mcp-upstream.md). */
  readonly pin: string;
}

/** A query run before and after the statement, in its transaction. */
export interface SqlPreview {
  readonly statement: string;
  readonly params: readonly string[];
  /** Volatile columns. */
  readonly ignore: readonly string[];
  /** Of `{"rows": [...]}`. */
  readonly schema: AnnotatedSchema;
}

/** A query that the agent itself writes, within what the catalogue declares and policy discloses. */
export interface QueryTemplate {
  readonly kind: "query";
  /** The argument that is the statement. */
  readonly statement: string;
  /** The argument that lists the values of `$1`, `$2`, …; null: the tool takes none. */
  readonly params: string | null;
  /** Some of the destination's. */
  readonly relations: readonly RelationDescription[];
  readonly maxRows: number;
  /** Rows that every group has at least; null for the action read. */
  readonly minGroup: number | null;
  readonly preview: null;
}

/** A write of one relation that the agent itself writes, shown before it happens. */
export interface WriteTemplate {
  readonly kind: "write";
  /** As of `QueryTemplate`. */
  readonly statement: string;
  readonly params: string | null;
  readonly relations: readonly WritableDescription[];
  /** Rows that one statement may write. */
  readonly maxRows: number;
  /** Always: of the rows, by their key. */
  readonly preview: WritePreview;
}

/** One of the destination's relations, and what may be written of it. */
export interface WritableDescription extends RelationDescription {
  /** Columns that tell its rows apart: of the class of the relation, and never changed. */
  readonly key: readonly string[];
  /** Columns that an INSERT may give a value; none: no INSERT. */
  readonly insert: readonly string[];
  /** Columns that an UPDATE may change; none: no UPDATE. */
  readonly update: readonly string[];
  readonly delete: boolean;
  /** Columns that the database fills differently each time: left out of the change. */
  readonly volatile: readonly string[];
  /** Relations that triggers and foreign keys may write along: no preview shows them. */
  readonly also: readonly string[];
}

export interface WritePreview {
  /** Of `{relation: {key: row}}`. */
  readonly schema: AnnotatedSchema;
  readonly ignore: readonly string[];
}

/** Top-k over an index, behind the filter that policy puts in front of it. */
export interface SearchTemplate {
  readonly kind: "search";
  readonly mode: SearchMode;
  readonly index: SearchIndex;
  /** Argument: what is looked for. */
  readonly query: string;
  /** Argument: how many hits; null: always `maxHits`. */
  readonly limit: string | null;
  readonly maxHits: number;
  readonly classes: SearchClasses;
  /** It changes nothing. */
  readonly preview: null;
}

/** `text`: words; `vector`: closeness of what stands for the text. */
export const SEARCH_MODES = ["text", "vector"] as const;
export type SearchMode = (typeof SEARCH_MODES)[number];

/** A service that speaks docs/protocol/search.md, or a table that we have a statement for. */
export type SearchIndex =
  | { readonly kind: "http"; readonly path: string }
  | { readonly kind: "postgres"; readonly statement: string };

export interface SearchClasses {
  /** Of a hit's id, title, score and class. */
  readonly hit: string;
  readonly snippet: string;
  /** Each hit is of one of these: it is searched, and delivered, only where this one is disclosed. */
  readonly records: readonly string[];
}

export type OutputDescription =
  | { readonly kind: "rows" }
  | {
      readonly kind: "json";
      readonly schema: AnnotatedSchema;
      /** The service answers with what this one member of the result holds: results are objects. */
      readonly wrap?: string;
    }
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
  /** A trap: nobody who does honest work comes across such a record. */
  readonly canary?: boolean;
  readonly when?: JsonObject;
}

export const POLICY_FILES = ["network", "data", "action", "budget", "authority"] as const;
export type PolicyFile = (typeof POLICY_FILES)[number];
export type PolicyTexts = { readonly [file in PolicyFile]: string };
