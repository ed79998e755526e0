import { describe, expect, it } from "vitest";
import { foldName } from "./name-fold.ts";

describe("names that pass for each other", () => {
  it.each([
    ["read_file", "read-file"],
    ["read_file", "readFile"],
    ["read_file", "Read.File"],
    ["read_file", "reаd_file"],
    ["read_file", "ｒｅａｄ＿ｆｉｌｅ"],
    ["read_file", "re\u200bad_file"],
    ["read_file", "réad_file"],
    ["read_file", "𝐫ead_file"],
    ["pay_0", "pay_o"],
    ["pay_1", "pay_l"],
    ["list", "Iist"],
    ["scope", "ѕсоре"],
  ])("%s and %s have one form", (one, other) => {
    expect(foldName(other)).toBe(foldName(one));
  });

  it.each([
    ["read_file", "read_files"],
    ["read_file", "write_file"],
    ["invoices_list", "invoices_last"],
  ])("%s and %s have two", (one, other) => {
    expect(foldName(other)).not.toBe(foldName(one));
  });
});
