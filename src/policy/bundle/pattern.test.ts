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
    "^([0-9]{1,3}\\.){3}[0-9]{1,3}$",
    "^([0-9a-f]{1,4}:){7}[0-9a-f]{1,4}$",
    "^(?:[0-9]{4}-)*[0-9]{4}$",
    "^(?=x)(?<name>a+?)$",
    "^[a-z]{0,63}?$",
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
    "(a{1,20}){1,20}",
    "(?:a+b?){1,12}",
    "(a|a){26}",
    "(?:a?a)*",
    "(?:a{1,2})+",
    "(?:(?:a|a){8}){8}",
    `(?:a{0,${"0".repeat(100)}20}){20}`,
  ])("refuses %s, which may backtrack for ever", (pattern) => {
    expect(patternFault(pattern)).toBe("slow");
  });

  it.each(["(", "[", "a{2,1}", "\\p{Nope}", "*"])("refuses %s, which is no pattern", (pattern) => {
    expect(patternFault(pattern)).toBe("invalid");
  });
});
