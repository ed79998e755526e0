import { MAX_NOTES } from "./limits.ts";

export const NOTE_CODES = [
  "document_too_big",
  "document_syntax",
  "document_too_deep",
  "version_unsupported",
  "too_many_operations",
  "nothing_chosen",
  "reference_remote",
  "reference_missing",
  "reference_cycle",
  "schema_malformed",
  "schema_too_big",
  "schema_merged",
  "schema_untyped",
  "pattern_dropped",
  "options_dropped",
  "parameter_malformed",
  "parameter_name",
  "parameter_style",
  "parameter_reserved",
  "body_media_type",
  "path_unsupported",
  "method_unsupported",
  "operation_malformed",
  "id_taken",
  "response_missing",
  "tier_capped",
] as const;
export type NoteCode = (typeof NOTE_CODES)[number];

/** `error`: nothing is imported. `skipped`: this operation is not. `changed`: it is, with less. */
export type NoteLevel = "error" | "skipped" | "changed";

export interface Note {
  readonly level: NoteLevel;
  readonly code: NoteCode;
  /** JSON Pointer into the document. */
  readonly pointer: string;
  readonly message: string;
}

/** Everything that is wrong with a document, or was left out of it; nothing stops at the first. */
export class Notes {
  readonly #notes: Note[] = [];
  readonly #seen = new Set<string>();
  /** Notes that did not fit. */
  more = 0;

  add(level: NoteLevel, code: NoteCode, pointer: string, message: string): void {
    // A schema that a hundred operations share is wrong once.
    const key = `${level} ${code} ${pointer}`;
    if (this.#seen.has(key)) return;
    this.#seen.add(key);
    if (this.#notes.length >= MAX_NOTES) this.more++;
    else this.#notes.push({ level, code, pointer, message });
  }

  get all(): readonly Note[] {
    return this.#notes;
  }

  get failed(): boolean {
    return this.#notes.some((note) => note.level === "error");
  }
}
