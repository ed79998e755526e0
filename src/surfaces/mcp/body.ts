import { type Json, type JsonFault, parseStrict } from "../../core/model/json.ts";
import { readBounded } from "../../sdk/body.ts";
import { INVALID_REQUEST, MAX_MESSAGE_BYTES, PARSE_ERROR } from "./names.ts";
import type { Refusal } from "./refusal.ts";

export type Message =
  | { readonly ok: true; readonly value: Json }
  | { readonly ok: false; readonly refusal: Refusal };

/** Reads one message, bounded and strict: what is checked is the only thing that can be executed. */
export async function readMessage(request: Request): Promise<Message> {
  let bytes: Uint8Array | null;
  try {
    bytes = await readMessageBytes(request);
  } catch {
    // Who hangs up in the middle is no fault of ours, and none for the operator's log.
    return refused(400, INVALID_REQUEST, "The message broke off.");
  }
  if (bytes === null) return refused(413, INVALID_REQUEST, "The message is larger than 4 MiB.");
  let text: string;
  try {
    // Fatal: two readers that replace broken sequences differently would see two messages.
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return refused(400, PARSE_ERROR, "The message is not valid UTF-8.");
  }
  const parsed = parseStrict(text);
  return parsed.ok ? parsed : { ok: false, refusal: FAULTS[parsed.fault] };
}

const FAULTS: { readonly [fault in JsonFault]: Refusal } = {
  not_json: { status: 400, code: PARSE_ERROR, message: "The message is not valid JSON." },
  duplicate_key: {
    status: 400,
    code: INVALID_REQUEST,
    message: "An object of the message has the same key twice.",
  },
  forbidden_key: {
    status: 400,
    code: INVALID_REQUEST,
    message: "The message has a key that is not accepted.",
  },
  too_deep: { status: 400, code: INVALID_REQUEST, message: "The message is nested too deeply." },
  no_canonical_form: {
    status: 400,
    code: INVALID_REQUEST,
    message: "The message has text or a number without a canonical form.",
  },
};

function refused(status: number, code: number, message: string): Message {
  return { ok: false, refusal: { status, code, message } };
}

/** Null when there is more than the cap; what was announced as too large is not read at all. */
async function readMessageBytes(request: Request): Promise<Uint8Array | null> {
  const announced = Number(request.headers.get("content-length") ?? 0);
  return announced > MAX_MESSAGE_BYTES ? null : readBounded(request.body, MAX_MESSAGE_BYTES);
}
