import { describe, expect, it } from "vitest";
import { MISTAKE_CODES, Report } from "./mistake.ts";
import { SourceFile } from "./source-file.ts";

describe("MISTAKE_CODES", () => {
  it("are names that scripts may rely on", () => {
    expect(MISTAKE_CODES).toEqual([
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
    ]);
  });
});

describe("SourceFile", () => {
  it("counts lines and columns from 1, in UTF-16 units, with any line end", () => {
    const file = new SourceFile("x", "ab\r\n😀c\n\nd");
    expect(file.position(0)).toEqual({ line: 1, column: 1 });
    expect(file.position(2)).toEqual({ line: 1, column: 3 });
    expect(file.position(5)).toEqual({ line: 2, column: 3 });
    expect(file.position(7)).toEqual({ line: 3, column: 1 });
    expect(file.position(8)).toEqual({ line: 4, column: 1 });
  });
});

describe("Report", () => {
  it("sorts by file and place", () => {
    const report = new Report();
    const [a, b] = [new SourceFile("a", "x\ny"), new SourceFile("b", "x")];
    report.add(b, 0, "unknown_key", "m", "f");
    report.add(a, 2, "unknown_key", "m", "f");
    report.add(a, 0, "wrong_type", "m", "f");
    report.add(a, 0, "bad_id", "m", "f", "s");
    expect(report.sorted().map(({ code, file, line }) => `${file}:${line} ${code}`)).toEqual([
      "a:1 bad_id",
      "a:1 wrong_type",
      "a:2 unknown_key",
      "b:1 unknown_key",
    ]);
    expect(report.sorted()[0]?.suggestion).toBe("s");
    expect(report.sorted()[1]).not.toHaveProperty("suggestion");
  });
});
