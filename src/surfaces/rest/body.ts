import { type Json, parseStrict } from "../../core/model/json.ts";
import type { ProblemCode } from "./problem.ts";

/** One request body on an agent-facing surface: 1 MiB of arguments and room for the envelope. */
export const MAX_BODY_BYTES = 4 * 1_024 * 1_024;

export type Body<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly problem: ProblemCode };

/** Text of at most `cap` bytes. Reading stops at the cap, whatever the sender declared. */
export async function readText(
  request: Request,
  cap: number = MAX_BODY_BYTES,
): Promise<Body<string>> {
  try {
    return await readBytes(request, cap);
  } catch {
    // Who hangs up in the middle is no fault of ours, and none for the operator's log.
    return { ok: false, problem: "invalid_request" };
  }
}

async function readBytes(request: Request, cap: number): Promise<Body<string>> {
  const declared = request.headers.get("content-length");
  if (declared !== null) {
    if (!/^\d{1,15}$/.test(declared)) return { ok: false, problem: "invalid_request" };
    if (Number(declared) > cap) return { ok: false, problem: "body_too_large" };
    // The HTTP parser cuts the body at its declared length, so the cap holds here too.
    return decoded(await request.arrayBuffer());
  }
  if (request.body === null) return { ok: true, value: "" };
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of request.body) {
    size += chunk.byteLength;
    if (size > cap) return { ok: false, problem: "body_too_large" };
    chunks.push(chunk);
  }
  return decoded(Buffer.concat(chunks));
}

/** Fatal: two readers that replace broken sequences differently would see two bodies. */
function decoded(bytes: Uint8Array | ArrayBuffer): Body<string> {
  try {
    return {
      ok: true,
      value: new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes),
    };
  } catch {
    return { ok: false, problem: "malformed_json" };
  }
}

export async function readJson(
  request: Request,
  cap: number = MAX_BODY_BYTES,
): Promise<Body<Json>> {
  const type = request.headers.get("content-type") ?? "";
  if (!/^application\/json\s*(;|$)/i.test(type))
    return { ok: false, problem: "unsupported_media_type" };
  const text = await readText(request, cap);
  if (!text.ok) return text;
  const parsed = parseStrict(text.value);
  return parsed.ok ? parsed : { ok: false, problem: "malformed_json" };
}
