import type { Json } from "../../core/model/json.ts";
import { INTERNAL_ERROR } from "./names.ts";

export interface Refusal {
  readonly status: number;
  readonly code: number;
  readonly message: string;
}

/** Said before anything is read. */
export const CROWDED: Refusal = {
  status: 503,
  code: INTERNAL_ERROR,
  message: "Too many requests wait already. Nothing happened; try again after a moment.",
};

/** A protocol error: constant text, so nothing the client sent comes back or gets into a log. */
export function refusalResponse(refusal: Refusal, id: Json = null): Response {
  const { status, code, message } = refusal;
  return Response.json(
    { jsonrpc: "2.0", error: { code, message }, id },
    { status, ...(status === 405 && { headers: { allow: "POST" } }) },
  );
}
