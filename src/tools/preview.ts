import type { Change } from "../core/model/change.ts";
import { canonical, type Json, type JsonObject } from "../core/model/json.ts";
import type { FailureCode } from "../core/model/outcome.ts";
import type { Request } from "../core/model/operation.ts";
import type { Previewed, RawAnswer, ToolPreview } from "../gateway/ports.ts";
import type { AnnotatedSchema } from "../policy/bundle/model.ts";
import { changedClasses } from "./change-classes.ts";
import { compileRecordTest } from "./change-place.ts";
import { classify } from "./classify.ts";
import { MAX_SHOWN_BYTES, MAX_SHOWN_OPERATIONS } from "./limits.ts";
import { compileShow } from "./show-change.ts";

/** How a kind of tool looks at what it would change. */
export interface PreviewKind {
  /** See `ToolPreview`. */
  readonly bound: boolean;
  readonly schema: AnnotatedSchema;
  /** Names of members that are left out of the change. */
  readonly ignored: ReadonlySet<string>;
  /** Arguments that have no form in the preview's request, as JSON Pointers. */
  readonly misplaced: (args: JsonObject) => readonly string[];
  readonly request: (args: JsonObject) => Request;
  readonly see: (answer: RawAnswer, args: JsonObject) => Seen;
}

export type Seen =
  | {
      readonly ok: true;
      readonly before: Json;
      readonly after: Json;
      readonly change: Change;
      readonly etag: string | null;
    }
  | { readonly ok: false; readonly code: FailureCode; readonly status?: number };

/**
 * A change is shown whole or not at all: one that is too large to be read is refused, and so is one
 * that touches a place without a data class, since nobody could be said to be allowed to see it.
 */
export function compilePreview(kind: PreviewKind): ToolPreview {
  const tree = classify(kind.schema);
  const isOf = compileRecordTest(kind.ignored);
  return {
    bound: kind.bound,
    request: kind.request,
    read(answer, args): Previewed {
      const seen = kind.see(answer, args);
      if (!seen.ok) return seen;
      const { change, before, after } = seen;
      if (change.length > MAX_SHOWN_OPERATIONS) return { ok: false, code: "preview_too_large" };
      const classes = changedClasses(tree, change, before, after, isOf);
      if (classes === null) return { ok: false, code: "output_invalid" };
      // Only now: what fits its schema has a canonical form.
      if (Buffer.byteLength(canonical(change)) > MAX_SHOWN_BYTES) {
        return { ok: false, code: "preview_too_large" };
      }
      return { ...seen, classes };
    },
    show: compileShow(tree, isOf),
  };
}
