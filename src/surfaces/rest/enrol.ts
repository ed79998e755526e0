import { isObject } from "../../core/model/json.ts";
import type { Jwks } from "../../sdk/jwk.ts";
import { readJson } from "./body.ts";
import { json, problem } from "./problem.ts";

/** An enrolment is a code, a key and two names. */
const MAX_ENROL_BYTES = 16 * 1_024;

export interface Enrolled {
  readonly connector: string;
  readonly issuer: string;
  readonly audience: string;
  readonly jwks: Jwks;
}

/** `POST /{tenant}/v1/connectors/enroll`: a one-time join code for a connector's identity. */
export async function enrolConnector(
  request: Request,
  enrol: (body: unknown) => Promise<Enrolled | "malformed_request" | "join_code_refused">,
): Promise<Response> {
  const body = await readJson(request, MAX_ENROL_BYTES);
  if (!body.ok) return problem(body.problem);
  if (!isObject(body.value)) return problem("invalid_request");
  const enrolled = await enrol(body.value);
  if (enrolled === "malformed_request") return problem("invalid_request");
  // One answer for every way a code can be wrong: a guesser learns nothing.
  if (enrolled === "join_code_refused") return problem("unauthenticated");
  return json(enrolled, 201);
}
