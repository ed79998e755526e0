import { isObject, type JsonObject } from "../core/model/json.ts";
import type { Limits } from "../core/model/bundle.ts";
import { PosternError } from "./error.ts";

const WORKFLOW_DETAIL = "dev.postern/workflow";
const SEAT_DETAIL = "dev.postern/seat";
const TOKEN_TYPE = "urn:ietf:params:oauth:token-type:";

/** What a workflow is opened for. All but the purpose only shrink what trust gives. */
export interface WorkflowAsk {
  readonly purpose: string;
  readonly tools?: readonly string[];
  readonly limits?: Partial<Limits>;
  /** Milliseconds. */
  readonly lifeMs?: number;
  /** What the human entered at the start. */
  readonly inputs?: JsonObject;
}

/** What a seat is asked for. Each member only shrinks what its giver and trust give. */
export type SeatAsk = Pick<WorkflowAsk, "tools" | "limits" | "lifeMs">;

/** What can be exchanged for a credential. */
export type Exchange = { readonly subjectToken: string } & (
  | { readonly kind: "open"; readonly ask: WorkflowAsk }
  | { readonly kind: "renew" }
  | { readonly kind: "delegate"; readonly actorToken: string; readonly ask: SeatAsk }
  | { readonly kind: "call"; readonly ask: SeatAsk }
);

const SUBJECT_TYPES = {
  open: "id_token",
  renew: "access_token",
  delegate: "access_token",
  call: "txn_token",
} as const satisfies { readonly [kind in Exchange["kind"]]: string };

/** The form of RFC 8693. */
export function exchangeForm(
  of: Exchange & { readonly clientAssertion: string; readonly resource: string },
): string {
  return new URLSearchParams({
    grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
    subject_token: of.subjectToken,
    subject_token_type: `${TOKEN_TYPE}${SUBJECT_TYPES[of.kind]}`,
    client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    client_assertion: of.clientAssertion,
    resource: of.resource,
    ...(of.kind === "delegate" && {
      actor_token: of.actorToken,
      actor_token_type: `${TOKEN_TYPE}jwt`,
    }),
    ...("ask" in of && {
      authorization_details: JSON.stringify([
        { type: of.kind === "open" ? WORKFLOW_DETAIL : SEAT_DETAIL, ...of.ask },
      ]),
    }),
  }).toString();
}

export interface Granted {
  readonly credential: string;
  readonly expiresInS: number;
  readonly workflow: string;
  readonly seat: string;
  readonly tools: readonly string[];
  /** Milliseconds: the end of the workflow. */
  readonly expiresAt: number;
}

export function readGrant(answer: unknown): Granted {
  const bad = new PosternError("bad_answer", 200, "The token answer has another form.");
  if (!isObject(answer) || answer["token_type"] !== "DPoP") throw bad;
  const { access_token: credential, expires_in: expiresInS } = answer;
  const details = answer["authorization_details"];
  const detail: unknown = Array.isArray(details) ? details[0] : undefined;
  if (typeof credential !== "string" || typeof expiresInS !== "number") throw bad;
  if (!isObject(detail) || detail["type"] !== WORKFLOW_DETAIL) throw bad;
  const { workflow, seat, tools, expiresAt } = detail;
  if (typeof workflow !== "string" || typeof seat !== "string") throw bad;
  if (typeof expiresAt !== "string" || !isTexts(tools)) throw bad;
  return { credential, expiresInS, workflow, seat, tools, expiresAt: Date.parse(expiresAt) };
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((one) => typeof one === "string");
}
