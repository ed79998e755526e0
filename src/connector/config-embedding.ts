import type { Place } from "./config.ts";
import { isPlainHost, readReach } from "./config-reach.ts";
import { readSecret } from "./config-secret.ts";
import { readTls } from "./config-tls.ts";
import type { Reach } from "./lookup.ts";
import type { Reader } from "./reader.ts";
import type { Secret } from "./secret.ts";
import { publicTls, type Tls } from "./tls.ts";

/** How a text becomes a vector: what an index was filled with, and nothing else, can be searched. */
export type Embedding =
  | { readonly kind: "hashed-ngrams"; readonly dimensions: number }
  | EmbeddingEndpoint;

/** A service that speaks the embeddings request most of them speak; docs/protocol/search.md. */
export interface EmbeddingEndpoint {
  readonly kind: "endpoint";
  readonly url: string;
  readonly model: string;
  readonly dimensions: number;
  /** Sent as `Authorization: Bearer`; null: it asks for none. */
  readonly token: Secret | null;
  readonly reach: Reach;
  readonly tls: Tls;
}

/** What pgvector stores in a column. */
const MAX_DIMENSIONS = 16_000;
const LOCAL = /^(?:localhost|127\.0\.0\.1|\[::1\])$/;

export function readEmbedding(reader: Reader, place: Place): Embedding | null {
  const kind = reader.kind(["hashed-ngrams", "endpoint"]);
  if (kind === null) return null;
  const members = reader.members(
    kind === "hashed-ngrams"
      ? ["kind", "dimensions"]
      : ["kind", "dimensions", "url", "addresses", "tls", "model", "token"],
  );
  const dimensions = reader
    .required(members, "dimensions", "those of the column that holds the vectors")
    ?.integer(1, MAX_DIMENSIONS);
  if (kind === "hashed-ngrams") return dimensions ? { kind, dimensions } : null;
  const url = readUrl(
    reader.required(
      members,
      "url",
      '"https://models.internal/v1/embeddings", the only address asked',
    ),
  );
  const model = reader
    .required(members, "model", "the one that filled the index")
    ?.string(/^[\x20-\x7e]{1,200}$/, "a name");
  const secret = members.get("token");
  const token = secret === undefined ? null : readSecret(secret, place, /^[\x21-\x7e]+$/);
  const reach = readReach(members.get("addresses"), place.resolvers);
  const encrypted = members.get("tls");
  if (encrypted !== undefined && url?.startsWith("http:") === true) {
    encrypted.wrong("invalid_value", "a URL with http:// is not encrypted");
  }
  const tls = encrypted === undefined ? publicTls : readTls(encrypted, place);
  if (!dimensions || url === null || !model) return null;
  return { kind, dimensions, url, model, token, reach, tls };
}

/** Questions and arguments are data: in clear they go to this machine only. */
export function readUrl(reader: Reader | null): string | null {
  const text = reader?.string(/^https?:\/\/./, "a URL that begins with https://") ?? null;
  if (reader === null || text === null) return null;
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || url.username !== "" || url.password !== "" || url.hash !== "") {
    return reader.wrong("invalid_value", "a URL without user, password and fragment");
  }
  if (url.protocol === "http:" && !LOCAL.test(url.hostname)) {
    return reader.wrong("invalid_value", "https, or an address of this machine");
  }
  const written = /^https?:\/\/([^/?]*)/.exec(text)?.[1]?.toLowerCase();
  const host = url.hostname.replace(/^\[|\]$/g, "");
  if (!isPlainHost(host) || (written !== url.host && written !== `${url.hostname}:443`)) {
    return reader.wrong("invalid_value", "a host as it is read, without a dot at its end");
  }
  return url.href;
}
