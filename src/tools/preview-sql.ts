import { observedChange } from "../core/model/change.ts";
import { isObject, type Json } from "../core/model/json.ts";
import type { SqlPreview } from "../policy/bundle/model.ts";
import type { PreviewKind, Seen } from "./preview.ts";
import type { Renderer } from "./renderer.ts";

/**
 * The operation itself: its connector looks before and after, in the transaction of the statement,
 * and `mode: preview` of the call token rolls it back.
 */
export function compileSqlPreview(preview: SqlPreview, renderer: Renderer): PreviewKind {
  const { schema, ignore } = preview;
  return {
    bound: true,
    schema,
    ignored: new Set(ignore),
    misplaced: () => [],
    request: (args) => renderer.render(args, {}, ""),
    see({ observed }): Seen {
      if (observed === undefined || !areRows(observed.before) || !areRows(observed.after)) {
        return { ok: false, code: "preview_unavailable" };
      }
      const seen = observedChange(observed.before, observed.after, ignore);
      return { ok: true, ...seen, etag: null };
    },
  };
}

function areRows(value: Json): boolean {
  return isObject(value) && Array.isArray(value["rows"]) && value["rows"].every(isObject);
}
