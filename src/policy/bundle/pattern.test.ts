import { describe, expect, it } from "vitest";
import { patternFault } from "./pattern.ts";

describe("patternFault", () => {
  it.each([
    "^cus_[0-9]{6}$",
    "^20[0-9]{2}-[01][0-9]$",
    "^(?:open|closed)$",
    "^[a-z]+@[a-z]+$",
    "^(ab){1,3}$",
    "^[(+*|]+$",
    "^\\(+$",
    "^(a|b)?c*$",
  ])("accepts %s", (pattern) => {
    expect(patternFault(pattern)).toBeNull();
  });

  it.each([
    "(a+)+",
    "(a*)*",
    "(a|a)*",
    "((a+)b)+",
    "(?:x{2,}){3,}",
    "(a)\\1",
    "(?<n>a)\\k<n>",
    "(?:(?:a|b)c)*",
  ])("refuses %s, which may backtrack for ever", (pattern) => {
    expect(patternFault(pattern)).toBe("slow");
  });

  it.each(["(", "[", "a{2,1}", "\\p{Nope}", "*"])("refuses %s, which is no pattern", (pattern) => {
    expect(patternFault(pattern)).toBe("invalid");
  });
});
