/**
 * RFC 9457 problems: only where no call was recorded. The closed list of codes is part of the wire
 * format and pinned by a test; each says what to do.
 */
export const PROBLEMS = {
  malformed_json: {
    status: 400,
    title: "The body is not strict JSON",
    detail:
      "Send one JSON value without duplicate keys, without `__proto__`, at most 64 levels deep.",
  },
  invalid_request: {
    status: 400,
    title: "The request does not fit the API",
    detail: "Compare it with /openapi.json; the pointers under `at` say where it differs.",
  },
  unauthenticated: {
    status: 401,
    title: "No valid credential and proof",
    detail:
      "Send a workflow credential as `Authorization: DPoP …` with a fresh DPoP proof for this request.",
  },
  forbidden: {
    status: 403,
    title: "Not allowed",
    detail: "This request must come from another origin or with another credential.",
  },
  sign_in_required: {
    status: 401,
    title: "A fresh sign-in is needed",
    detail:
      "Send an ID token of the approvals client as `Authorization: Bearer …`: signed in within the last minutes, with the nonce `verdict:kind:digest` for a decision, and never used before.",
  },
  not_found: {
    status: 404,
    title: "Unknown",
    detail: "There is nothing of this name that this credential may know of.",
  },
  method_not_allowed: {
    status: 405,
    title: "This resource has no such method",
    detail: "See /openapi.json for the methods it has.",
  },
  body_too_large: {
    status: 413,
    title: "The body is too large",
    detail: "Send less; the limit of this resource is in /openapi.json.",
  },
  unsupported_media_type: {
    status: 415,
    title: "Unsupported content type",
    detail: "Send application/json (the token endpoint: application/x-www-form-urlencoded).",
  },
  conflict: {
    status: 409,
    title: "The state does not permit this",
    detail:
      "The workflow or seat has ended, is locked, or the value exceeds its cap; read the workflow first.",
  },
  idempotency_conflict: {
    status: 422,
    title: "This idempotency key belongs to another call",
    detail:
      "It was used for this tool with other arguments, or by another seat; nothing was done. Send the first call again as it was, or take a fresh key.",
  },
  unavailable: {
    status: 503,
    title: "Not available now",
    detail: "Nothing was recorded and nothing happened; try again after a moment.",
  },
  internal_error: {
    status: 500,
    title: "Internal error",
    detail: "Nothing more is known here; the operator's log has the request id.",
  },
} as const;
export type ProblemCode = keyof typeof PROBLEMS;

export function problem(
  code: ProblemCode,
  more: {
    readonly at?: readonly string[];
    readonly headers?: Readonly<Record<string, string>>;
    /** Why a decision was not taken, or what was suspicious about the request. */
    readonly refusal?: {
      readonly code: string;
      readonly message: string;
      readonly ruleIds: readonly string[];
    };
  } = {},
): Response {
  const { status, title, detail } = PROBLEMS[code];
  const body = {
    type: `urn:postern:problem:${code}`,
    title,
    status,
    detail,
    code,
    ...(more.at && { at: more.at }),
    ...(more.refusal && { refusal: more.refusal }),
  };
  return new Response(JSON.stringify(body), {
    status,
    headers: {
      "content-type": "application/problem+json",
      "cache-control": "no-store",
      ...more.headers,
    },
  });
}

export function json(value: unknown, status = 200): Response {
  return new Response(JSON.stringify(value), {
    status,
    headers: { "content-type": "application/json", "cache-control": "no-store" },
  });
}
