import type { Json } from "../../core/model/json.ts";

export interface Refusal {
  readonly status: number;
  readonly code: number;
  readonly message: string;
}

/** A protocol error: constant text, so nothing the client sent comes back or gets into a log. */
export function refusalResponse(refusal: Refusal, id: Json = null): Response {
  const { status, code, message } = refusal;
  return Response.json(
    { jsonrpc: "2.0", error: { code, message }, id },
    { status, ...(status === 405 && { headers: { allow: "POST" } }) },
  );
}
