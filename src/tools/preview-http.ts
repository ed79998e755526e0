import { changeOf } from "../core/model/change.ts";
import { isObject, type Json, type JsonObject } from "../core/model/json.ts";
import type { RawAnswer } from "../gateway/ports.ts";
import type { HttpPreview, HttpTemplate } from "../policy/bundle/model.ts";
import { parseBody, refusedStatus } from "./finish.ts";
import { MAX_ETAG_CHARS } from "./limits.ts";
import { mergePatch } from "./merge-patch.ts";
import { put, segmentsOf } from "./pointer.ts";
import type { PreviewKind, Seen } from "./preview.ts";
import { bodyOf, compileHttp } from "./render-http.ts";

/** RFC 9110 §8.8.3, visible ASCII: it becomes a header, and `*` would match every version. */
const ENTITY_TAG = /^(?:W\/)?"[\x21\x23-\x7e]*"$/;
const UNAVAILABLE = { ok: false, code: "preview_unavailable" } as const;

/** The resource is read; what the call would make of it is worked out here, as its service documents. */
export function compileHttpPreview(
  template: HttpTemplate,
  preview: HttpPreview,
  destination: string,
  sha256: (text: string) => string,
): PreviewKind {
  const { path, apply, schema } = preview;
  const read = compileHttp(
    { method: "GET", path, query: [], headers: [], cookies: [], body: null, encoding: "json" },
    destination,
    sha256,
  );
  const ignored = preview.ignore.map(segmentsOf);
  const resultOf = (resource: Json, args: JsonObject): Json => {
    if (apply === "delete") return null;
    const body = bodyOf(template.body, args) ?? {};
    return apply === "merge" ? mergePatch(resource, body) : body;
  };
  return {
    bound: preview.etag,
    schema,
    ignored: new Set(ignored.flat()),
    misplaced: read.misplaced,
    request: (args) => read.render(args, {}, ""),
    see(answer, args): Seen {
      const refused = refusedStatus(answer.status);
      if (refused !== null) return refused;
      // Half a resource would show half of what changes.
      if (answer.truncated) return { ok: false, code: "preview_too_large" };
      const resource = answer.status === 206 ? undefined : parseBody(answer);
      const etag = preview.etag ? entityTag(answer) : null;
      if (!isObject(resource) || etag === undefined) return UNAVAILABLE;
      const before = without(resource, ignored);
      const after = without(resultOf(resource, args), ignored);
      return { ok: true, before, after, change: changeOf(before, after), etag };
    },
  };
}

/** Undefined: promised by the description, and not there. Without it a newer version is overwritten. */
function entityTag({ etag }: RawAnswer): string | undefined {
  return etag !== undefined && etag.length <= MAX_ETAG_CHARS && ENTITY_TAG.test(etag)
    ? etag
    : undefined;
}

function without(value: Json, places: readonly (readonly string[])[]): Json {
  return places.reduce(withoutPlace, value);
}

function withoutPlace(value: Json, [segment, ...rest]: readonly string[]): Json {
  if (segment === undefined) return value;
  if (Array.isArray(value)) {
    // An item keeps its place, or every later one would be compared with its neighbour.
    return (value as readonly Json[]).map((item, at) =>
      String(at) !== segment ? item : rest.length === 0 ? null : withoutPlace(item, rest),
    );
  }
  if (!isObject(value) || !Object.hasOwn(value, segment)) return value;
  const left: Record<string, Json> = {};
  for (const [key, member] of Object.entries(value)) {
    if (key !== segment) put(left, key, member);
    else if (rest.length > 0) put(left, key, withoutPlace(member, rest));
  }
  return left;
}
