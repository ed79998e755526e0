import { canonical, type Json, type JsonObject } from "../core/model/json.ts";
import { sha256 } from "./allow.ts";

/** What a model or a reviewer is told of a tool, and what its arguments and answers may be. */
const PINNED = [
  "name",
  "title",
  "description",
  "inputSchema",
  "outputSchema",
  "annotations",
] as const;

/** The pin: SHA-256, hex, of the RFC 8785 form of these members, of those that are there. */
export function definitionDigest(tool: JsonObject): string {
  const pinned: Record<string, Json> = {};
  for (const name of PINNED) {
    const member = tool[name];
    if (member !== undefined) pinned[name] = member;
  }
  return sha256(canonical(pinned));
}
