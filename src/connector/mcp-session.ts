import {
  type CallToolResult,
  Client,
  type StandardSchemaV1,
  type Tool,
  type Transport,
} from "@modelcontextprotocol/client";
import { isObject, type Json, type JsonObject } from "../core/model/json.ts";
import { foldName } from "../core/model/name-fold.ts";
import { MAX_BODY_BYTES } from "../tunnel/protocol.ts";
import { wholeMs } from "./deadline.ts";
import type { Execution } from "./executor.ts";
import { definitionDigest } from "./mcp-definition.ts";
import { type McpGone, McpStdio } from "./mcp-stdio.ts";

const CONNECT_MS = 10_000;
const LIST_MS = 10_000;
/** A server that says nothing of changes is asked again after this long. */
const LIST_FRESH_MS = 5_000;
const MAX_PAGES = 50;
const MAX_TOOLS = 2_000;
/** Of all pages together: one page may be as large as an answer, fifty of them may not. */
const MAX_LIST_CHARS = MAX_BODY_BYTES;

export interface ListedTool {
  readonly definition: JsonObject;
  readonly digest: string;
  /** Another tool of this server has the same name, or one that passes for it. */
  readonly shadowed: boolean;
}

/** Faults of a list: codes, because its texts are the server's. */
export class McpListFault extends Error {
  readonly code: "output_invalid" | "response_too_large";

  constructor(code: McpListFault["code"]) {
    super(code);
    this.code = code;
  }
}

/** As it came: what the client's own schema leaves out would be left out of the pin, too. */
const ANY: StandardSchemaV1<unknown, JsonObject> = {
  "~standard": {
    version: 1,
    vendor: "postern",
    validate: (value) => (isObject(value) ? { value } : { issues: [{ message: "no object" }] }),
  },
};

/** One initialised connection, by either era of the protocol. */
export class McpSession {
  readonly #client: Client;
  readonly #transport: Transport;
  readonly #elapsed: () => number;
  #listing: Promise<ReadonlyMap<string, ListedTool>> | null = null;
  #listedAt = 0;
  closed = false;

  private constructor(client: Client, transport: Transport, elapsed: () => number) {
    this.#client = client;
    this.#transport = transport;
    this.#elapsed = elapsed;
  }

  static async open(transport: Transport, elapsed: () => number): Promise<McpSession> {
    // No capability: whatever a server asks of us, a sample, a root or an answer, is refused.
    const client = new Client(
      { name: "postern-connector", version: "1" },
      {
        capabilities: {},
        versionNegotiation: { mode: "auto" },
        inputRequired: { autoFulfill: false },
      },
    );
    const session = new McpSession(client, transport, elapsed);
    client.onclose = () => {
      session.closed = true;
    };
    client.setNotificationHandler("notifications/tools/list_changed", () => {
      session.#listing = null;
    });
    try {
      await client.connect(transport, { timeout: CONNECT_MS });
    } catch (error) {
      await transport.close().catch(() => undefined);
      throw error;
    }
    return session;
  }

  /** Shared by all who ask meanwhile; one caller's end does not end it for the others. */
  tools(): Promise<ReadonlyMap<string, ListedTool>> {
    const stale = this.#elapsed() - this.#listedAt > LIST_FRESH_MS;
    if (this.#listing !== null && !stale) return this.#listing;
    const listing = this.#list();
    this.#listing = listing;
    this.#listedAt = this.#elapsed();
    listing.catch(() => {
      if (this.#listing === listing) this.#listing = null;
    });
    return listing;
  }

  call(
    tool: ListedTool,
    args: JsonObject,
    { signal, remainingMs }: Pick<Execution, "signal" | "remainingMs">,
  ): Promise<CallToolResult> {
    const { outputSchema: _, ...definition } = tool.definition;
    const name = String(definition["name"]);
    return this.#client.callTool(
      { name, arguments: args },
      {
        signal,
        // By then a server over stdio or HTTP is told that nobody waits any more.
        timeout: wholeMs(remainingMs()),
        // Says which arguments travel as headers. Answers are judged by the bundle's schema, not by theirs.
        toolDefinition: definition as unknown as Tool,
      },
    );
  }

  /** What we know of its end, and the client does not; null: nothing. */
  get gone(): McpGone | null {
    return this.#transport instanceof McpStdio ? this.#transport.gone : null;
  }

  async close(): Promise<void> {
    this.closed = true;
    await this.#client.close();
  }

  async #list(): Promise<ReadonlyMap<string, ListedTool>> {
    const found: JsonObject[] = [];
    // One for all pages: a list that never comes to its end would be asked for beside itself.
    const options = { timeout: LIST_MS, signal: AbortSignal.timeout(LIST_MS) };
    let cursor: string | undefined;
    let chars = 0;
    for (let page = 0; ; page++) {
      if (page === MAX_PAGES) throw new McpListFault("response_too_large");
      const params = cursor === undefined ? {} : { cursor };
      const result = await this.#client.request({ method: "tools/list", params }, ANY, options);
      const { tools, nextCursor } = result;
      if (!Array.isArray(tools) || !tools.every(isTool)) throw new McpListFault("output_invalid");
      chars += JSON.stringify(tools).length;
      found.push(...tools);
      if (found.length > MAX_TOOLS || chars > MAX_LIST_CHARS) {
        throw new McpListFault("response_too_large");
      }
      if (nextCursor === undefined || nextCursor === null) return index(found);
      if (typeof nextCursor !== "string") throw new McpListFault("output_invalid");
      cursor = nextCursor;
    }
  }
}

function isTool(value: Json): value is JsonObject {
  return isObject(value) && typeof value["name"] === "string" && isObject(value["inputSchema"]);
}

function index(found: readonly JsonObject[]): ReadonlyMap<string, ListedTool> {
  const forms = found.map((definition) => foldName(String(definition["name"])));
  const counts = new Map<string, number>();
  for (const form of forms) counts.set(form, (counts.get(form) ?? 0) + 1);
  return new Map(
    found.map((definition, at) => [
      String(definition["name"]),
      {
        definition,
        digest: definitionDigest(definition),
        shadowed: (counts.get(forms[at] ?? "") ?? 0) > 1,
      },
    ]),
  );
}
