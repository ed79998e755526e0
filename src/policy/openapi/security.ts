import { isObject, type Json, type JsonObject } from "../../core/model/json.ts";
import { type At, into, own, ownText, type References } from "./reference.ts";

/** How a service knows its callers: what a connector has to inject. Never an argument. */
export interface Credential {
  readonly scheme: string;
  /** Lower case; null: it goes where a connector puts no secrets. */
  readonly header: string | null;
}

/** Ours: the connector sends it with every call. */
const OWN_HEADER = "txn-token";

/** What the first alternative of an operation, or of the document, asks for. */
export function credentialsOf(
  document: At,
  operation: JsonObject,
  references: References,
): readonly Credential[] {
  const asked = own(operation, "security") ?? own(document.value as JsonObject, "security");
  const [first] = Array.isArray(asked) ? (asked as readonly Json[]) : [];
  if (!isObject(first)) return [];
  const schemes = into(into(document, "components"), "securitySchemes");
  return Object.keys(first).flatMap((scheme) => {
    const at = isObject(schemes.value) ? references.resolve(into(schemes, scheme)) : null;
    const header = at !== null && isObject(at.value) ? headerOf(at.value) : null;
    return header === OWN_HEADER ? [] : [{ scheme, header }];
  });
}

function headerOf(scheme: JsonObject): string | null {
  const type = ownText(scheme, "type");
  if (type === "http" || type === "oauth2" || type === "openIdConnect") return "authorization";
  if (type !== "apiKey" || ownText(scheme, "in") !== "header") return null;
  return ownText(scheme, "name")?.toLowerCase() ?? null;
}
