import { CALL_TOKEN_HEADER } from "../../core/model/claims.ts";
import { isObject, type JsonObject } from "../../core/model/json.ts";
import { credentialOf } from "../../identity/request.ts";
import { parseClaims } from "../../sdk/jws.ts";
import { decodeBase64url } from "../../sdk/base64url.ts";
import { WORKFLOW } from "./names.ts";

/** Paths at which an agent speaks of its own workflow. */
const OF_A_WORKFLOW = /^\/[^/]+\/(?:v1\/workflows\/|mcp$|access\/v1\/evaluation$)/;
const WELL_KNOWN = /^\/\.well-known\/[^/]+\/([^/]+)/;

export function tenantOf(pathname: string): string | undefined {
  return WELL_KNOWN.exec(pathname)?.[1] ?? pathname.split("/")[1];
}

/**
 * Whose session has to judge this. Nothing is verified here: a token that lies about its workflow is
 * shown to that workflow's session, which does not believe it. Null: it names none, and the tenant's own
 * object says what is wrong with it.
 */
export function workflowOf(pathname: string, headers: Headers): string | null {
  if (!OF_A_WORKFLOW.test(pathname)) return null;
  const credential = claimsOf(credentialOf(headers.get("authorization") ?? ""))?.["workflow"];
  const context = claimsOf(headers.get(CALL_TOKEN_HEADER))?.["tctx"];
  const named = credential ?? (isObject(context) ? context["workflow"] : null);
  return typeof named === "string" && WORKFLOW.test(named) ? named : null;
}

function claimsOf(token: string | null): JsonObject | null {
  const payload = decodeBase64url(token?.split(".")[1] ?? "");
  return payload === null ? null : parseClaims(payload);
}
