import { MAX_FRAME_BYTES, MAX_OBSERVED_BYTES, type ConnectorAnswer } from "./protocol.ts";

/** A control character of a body is six in JSON; base64 is less than that. */
const LONGEST_ESCAPE = 6;
/** Ids, content type, tag. */
const MAX_AROUND_BYTES = 4 * 1_024;

/** The largest frame that answers a request of this cap. */
export function answerBytes(cap: number): number {
  const states = 2 * MAX_OBSERVED_BYTES;
  return Math.min(MAX_FRAME_BYTES, LONGEST_ESCAPE * cap + states + MAX_AROUND_BYTES);
}

/** The connector cuts at the cap; one that does not is not believed either. */
export function isOversize(answer: ConnectorAnswer, cap: number): boolean {
  if (!answer.ok) return false;
  const { body, encoding, observed } = answer;
  if (Buffer.byteLength(body, encoding) > cap) return true;
  const states = observed === undefined ? [] : [observed.before, observed.after];
  return states.some((one) => Buffer.byteLength(JSON.stringify(one)) > MAX_OBSERVED_BYTES);
}

/** Somebody on the wire sent a request twice; the connector is not to blame for refusing the second one. */
export function isOfCopy(answer: ConnectorAnswer): boolean {
  return !answer.ok && answer.code === "token_refused" && answer.effect === "possible";
}
