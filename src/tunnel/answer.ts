import { MAX_OBSERVED_BYTES, type ConnectorAnswer } from "./protocol.ts";

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
