import { parseStrict, type Json } from "../core/model/json.ts";
import { readBounded } from "./body.ts";

/** Key documents and metadata: small, quick, or not worth having. */
const TIMEOUT_MS = 5_000;
const MAX_BODY_BYTES = 1_024 * 1_024;

export type FetchJsonResult =
  | { readonly ok: true; readonly value: Json }
  | { readonly ok: false; readonly fault: "insecure_url" | "unreachable" | "not_ok" | "not_json" };

/**
 * A GET of a public document. Plain http only to this very machine, no redirect (it could lead into
 * a private network or away from TLS), bounded in time and size.
 */
export async function fetchJson(
  url: string,
  fetcher: typeof fetch = fetch,
): Promise<FetchJsonResult> {
  if (!isSecureUrl(url)) return { ok: false, fault: "insecure_url" };
  try {
    const response = await fetcher(url, {
      // Workers know no `error`: the answer that points elsewhere is refused by its status.
      redirect: "manual",
      headers: { accept: "application/json" },
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    if (response.status !== 200) {
      await response.body?.cancel();
      return { ok: false, fault: "not_ok" };
    }
    const body = await readBounded(response.body, MAX_BODY_BYTES);
    if (body === null) return { ok: false, fault: "not_json" };
    const parsed = parseStrict(new TextDecoder().decode(body));
    return parsed.ok ? { ok: true, value: parsed.value } : { ok: false, fault: "not_json" };
  } catch {
    return { ok: false, fault: "unreachable" };
  }
}

export function isSecureUrl(url: string): boolean {
  if (!URL.canParse(url)) return false;
  const { protocol, hostname, username, password } = new URL(url);
  if (username !== "" || password !== "") return false;
  return protocol === "https:" || (protocol === "http:" && LOOPBACK.includes(hostname));
}

const LOOPBACK: readonly string[] = ["127.0.0.1", "[::1]", "localhost"];
