import type { SourceFile } from "./source-file.ts";

/** What is wrong, where, and what to do about it. Codes are stable. */
export interface Mistake {
  readonly code: MistakeCode;
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** From 1, in UTF-16 units, as editors count. */
  readonly column: number;
  readonly message: string;
  readonly fix: string;
  /** The likely intended word, where something looks like a typo. */
  readonly suggestion?: string;
}

export const MISTAKE_CODES = [
  "file_missing",
  "file_unknown",
  "file_too_big",
  "hidden_character",
  "jsonc_syntax",
  "yaml_syntax",
  "yaml_feature",
  "too_deep",
  "duplicate_key",
  "forbidden_key",
  "unknown_key",
  "missing_key",
  "wrong_type",
  "wrong_value",
  "bad_id",
  "out_of_range",
  "too_short",
  "too_long",
  "duplicate_value",
  "unknown_agent",
  "unknown_approval",
  "unknown_column",
  "unknown_data_class",
  "unknown_destination",
  "unknown_label",
  "unknown_purpose",
  "unknown_relation",
  "unknown_rule",
  "unknown_tool",
  "unknown_trust",
  "unknown_write_domain",
  "jwk_private",
  "jwk_malformed",
  "jwk_algorithm",
  "jwk_shared",
  "jwk_taken",
  "trust_everyone",
  "trust_star_mixed",
  "tool_file_name",
  "tier_above_destination",
  "template_missing",
  "template_ambiguous",
  "kind_mismatch",
  "read_with_effect",
  "effect_with_read_method",
  "write_domain_on_read",
  "path_syntax",
  "body_not_allowed",
  "argument_unknown",
  "argument_optional",
  "argument_twice",
  "argument_unused",
  "argument_type",
  "sql_statement",
  "sql_params_count",
  "sql_output",
  "query_unfit",
  "write_unfit",
  "relation_column",
  "relations_misplaced",
  "mcp_output",
  "tool_confusable",
  "policy_argument_type",
  "policy_argument_conflict",
  "schema_keyword",
  "schema_type",
  "schema_incomplete",
  "schema_required",
  "schema_pattern",
  "schema_reference",
  "input_not_object",
  "input_open",
  "output_not_object",
  "annotation_misplaced",
  "field_unclassified",
  "output_unclassified",
  "cedar_syntax",
  "cedar_invalid",
  "cedar_warning",
  "policy_without_id",
  "policy_id_bad",
  "policy_id_duplicate",
  "policy_id_reserved",
  "policy_wrong_class",
  "policy_number",
  "policies_too_many",
  "approvals_too_many",
  "containment_too_many",
  "preview_without_change",
  "undo_unfit",
  "tests_missing",
  "test_contradicts",
  "test_failed",
] as const;
export type MistakeCode = (typeof MISTAKE_CODES)[number];

/** Collects every mistake of a bundle; nothing stops at the first. */
export class Report {
  readonly #mistakes: Mistake[] = [];

  add(
    file: SourceFile,
    offset: number,
    code: MistakeCode,
    message: string,
    fix: string,
    suggestion?: string,
  ): void {
    this.#mistakes.push({
      code,
      file: file.path,
      ...file.position(offset),
      message: shown(message),
      fix: shown(fix),
      ...(suggestion !== undefined && { suggestion }),
    });
  }

  get count(): number {
    return this.#mistakes.length;
  }

  /** Mistakes in files for which `concerns` holds. */
  countWhere(concerns: (file: string) => boolean): number {
    return this.#mistakes.filter((mistake) => concerns(mistake.file)).length;
  }

  /** In reading order. */
  sorted(): readonly Mistake[] {
    return this.#mistakes.toSorted(
      (a, b) =>
        compare(a.file, b.file) ||
        a.line - b.line ||
        a.column - b.column ||
        compare(a.code, b.code),
    );
  }
}

const MAX_SHOWN_CHARS = 500;

/** Messages quote the bundle, and terminals obey what a string escape may hide in a name. */
function shown(text: string): string {
  const cut = text.length > MAX_SHOWN_CHARS ? `${text.slice(0, MAX_SHOWN_CHARS)}…` : text;
  return cut.replaceAll(
    /[\p{C}\p{Zl}\p{Zp}]/gu,
    (char) => `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`,
  );
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Also of what is no part of a bundle, and has codes of its own. */
export type Told = Omit<Mistake, "code"> & { readonly code: string };

/** Plain text, one mistake in two lines; colour is the caller's. */
export function formatMistakes(mistakes: readonly Told[]): string {
  return mistakes
    .map(
      (mistake) =>
        `${mistake.file}:${mistake.line}:${mistake.column} ${mistake.code} ${mistake.message}\n` +
        `    fix: ${mistake.fix}`,
    )
    .join("\n");
}
