import type { AnnotatedSchema, SearchClasses } from "./model.ts";

/** What a hit may bring along; a service that sends whole documents as snippets is refused. */
const MAX_NAME_CHARS = 1_000;
const MAX_SNIPPET_CHARS = 2_000;

/**
 * What every search answers. It follows from the classes, so no tool file can forget the rule that
 * withholds a hit: a service that ignores the filter of the request is caught here.
 */
export function searchOutput(
  { hit, snippet, records }: SearchClasses,
  maxHits: number,
): AnnotatedSchema {
  const name = { type: "string", maxLength: MAX_NAME_CHARS } as const;
  const rows: AnnotatedSchema = {
    type: "array",
    maxItems: maxHits,
    items: {
      type: "object",
      dataClass: hit,
      properties: {
        id: name,
        title: name,
        snippet: { type: "string", maxLength: MAX_SNIPPET_CHARS, dataClass: snippet },
        // Higher is closer; what 1 means is the index's own affair.
        score: { type: "number" },
        // Of no class that was declared: nobody decided about it, and the answer does not fit.
        class: { type: "string", enum: records },
      },
      required: ["id", "title", "snippet", "score", "class"],
      additionalProperties: false,
      records: records.map((dataClass) => ({
        dataClass,
        when: { required: ["class"], properties: { class: { const: dataClass } } },
      })),
    },
  };
  return {
    type: "object",
    properties: { rows },
    required: ["rows"],
    additionalProperties: false,
  };
}
