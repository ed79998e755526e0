import type { Dispatcher, Pool } from "undici";
import { isObject, parseStrict, type Json } from "../core/model/json.ts";
import type { FailureCode } from "../core/model/outcome.ts";
import { hashedNgrams } from "../sdk/hashed-ngrams.ts";
import type { Embedding, EmbeddingEndpoint } from "./config-embedding.ts";
import { DEADLINE_HEADER, deadlineOf } from "./deadline.ts";
import { egress } from "./egress.ts";
import { failure, type Execution, type Failure } from "./executor.ts";
import { networkFailure } from "./network-failure.ts";

export type Embedded =
  | { readonly ok: true; readonly vectors: readonly (readonly number[])[] }
  | Failure;

/** The time of the call that asks. */
type Within = Pick<Execution, "signal" | "remainingMs">;

/** Texts → vectors. Answers in every case, soon after its `signal` at the latest. */
export interface Embedder {
  embed(texts: readonly string[], within: Within): Promise<Embedded>;
  close(): Promise<void>;
}

export function embedderOf(embedding: Embedding): Embedder {
  return embedding.kind === "endpoint" ? new RemoteEmbedder(embedding) : localEmbedder(embedding);
}

function localEmbedder({ dimensions }: { readonly dimensions: number }): Embedder {
  return {
    embed: (texts) =>
      Promise.resolve({ ok: true, vectors: texts.map((text) => hashedNgrams(text, dimensions)) }),
    close: () => Promise.resolve(),
  };
}

/** Sockets to the service; a question is short. */
const CONNECTIONS = 8;
/** One number of an answer, as text, with its comma; and what stands around them. */
const MAX_NUMBER_BYTES = 32;
const MAX_FRAME_BYTES = 64 * 1_024;

/** Redirects are answers, never followed: the one address that was configured is asked. */
class RemoteEmbedder implements Embedder {
  readonly #endpoint: EmbeddingEndpoint;
  readonly #path: string;
  readonly #pool: Pool;

  constructor(endpoint: EmbeddingEndpoint) {
    this.#endpoint = endpoint;
    const url = new URL(endpoint.url);
    this.#path = `${url.pathname}${url.search}`;
    this.#pool = egress(url.origin, endpoint, CONNECTIONS);
  }

  async embed(texts: readonly string[], within: Within): Promise<Embedded> {
    const { signal } = within;
    const { model, token, dimensions } = this.#endpoint;
    try {
      const answer = await this.#pool.request({
        method: "POST",
        path: this.#path,
        headers: {
          "content-type": "application/json",
          "accept-encoding": "identity",
          [DEADLINE_HEADER]: deadlineOf(within),
          ...(token !== null && { authorization: `Bearer ${token.value}` }),
        },
        body: JSON.stringify({ model, input: texts, encoding_format: "float" }),
        signal,
      });
      if (answer.statusCode === 401) token?.refused();
      const cap = texts.length * dimensions * MAX_NUMBER_BYTES + MAX_FRAME_BYTES;
      return await read(answer, texts.length, dimensions, cap);
    } catch (error) {
      return failure(signal.aborted ? "deadline_exceeded" : networkFailure(error), "none");
    }
  }

  async close(): Promise<void> {
    await this.#pool.destroy();
  }
}

async function read(
  { statusCode, body }: Dispatcher.ResponseData,
  texts: number,
  dimensions: number,
  cap: number,
): Promise<Embedded> {
  const stopped = (code: FailureCode, status?: number): Failure => {
    // The rest is not read to be polite; who stops reading is told so by an error event.
    body.on("error", () => undefined).destroy();
    return failure(code, "none", status);
  };
  if (statusCode >= 500) return stopped("upstream_error", statusCode);
  if (statusCode !== 200) return stopped("upstream_rejected", statusCode);
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > cap) return stopped("response_too_large");
    chunks.push(chunk);
  }
  const parsed = parseStrict(Buffer.concat(chunks, bytes).toString("utf8"));
  const vectors = parsed.ok ? vectorsOf(parsed.value, texts, dimensions) : null;
  return vectors === null ? failure("output_invalid", "none") : { ok: true, vectors };
}

/** One vector for each text, each in its place. A shorter one is of another model than the index. */
function vectorsOf(
  answer: Json,
  texts: number,
  dimensions: number,
): readonly (readonly number[])[] | null {
  const data = isObject(answer) ? answer["data"] : null;
  if (!Array.isArray(data) || data.length !== texts) return null;
  const vectors: (readonly number[])[] = [];
  for (const [at, item] of data.entries()) {
    if (!isObject(item) || (item["index"] ?? at) !== at) return null;
    const vector = item["embedding"];
    if (!Array.isArray(vector) || vector.length !== dimensions) return null;
    if (!vector.every((value) => typeof value === "number")) return null;
    vectors.push(vector as readonly number[]);
  }
  return vectors;
}
