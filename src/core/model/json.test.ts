import canonicalize from "canonicalize";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { canonical, type Json, type JsonFault, MAX_JSON_DEPTH, parseStrict } from "./json.ts";
import { anyText } from "./testing-text.ts";

function fault(text: string): JsonFault | null {
  const parsed = parseStrict(text);
  return parsed.ok ? null : parsed.fault;
}

describe("strict parsing", () => {
  it.each([
    "",
    "{",
    "[1,]",
    "{'a':1}",
    "NaN",
    "undefined",
    "01",
    '"\n"',
    "{}{}",
    "\ufeff{}",
    "//x\n1",
  ])("refuses %j as no JSON", (text) => {
    expect(fault(text)).toBe("not_json");
  });

  it.each([
    '{"a":1,"a":2}',
    '{"a":1,"b":2,"a":1}',
    '{"x":{"a":1,"a":2}}',
    '[{"a":1,"a":2}]',
    // The same key in another spelling.
    '{"a":1,"\\u0061":2}',
    '{"a":{"a":1},"a":2}',
    '{"a":[{}],"a":2}',
    '{"a" : "}" , "a" : 2}',
    '{"a\\"":1,"a\\"":2}',
    '{"":1,"":2}',
  ])("refuses the duplicate key in %s", (text) => {
    expect(fault(text)).toBe("duplicate_key");
  });

  it.each([
    '{"a":{"a":{"a":1}}}',
    '[{"a":1},{"a":2}]',
    '{"a":["a","a"],"b":"a"}',
    '{"a":"a","b":"a,\\"a\\":1"}',
    '{"A":1,"a":2}',
    '{"a":{},"b":{}}',
    '{"a":"\\\\","b":"\\\\\\""}',
  ])("accepts %s", (text) => {
    expect(parseStrict(text)).toEqual({ ok: true, value: JSON.parse(text) as unknown });
  });

  it.each(['{"__proto__":{}}', '{"a":[{"__proto__":1}]}', '{"\\u005f_proto__":{}}'])(
    "refuses the key that poisons a prototype in %s",
    (text) => {
      expect(fault(text)).toBe("forbidden_key");
      expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
    },
  );

  it("accepts that word as a value, and the other names of an object's machinery as keys", () => {
    expect(fault('{"a":"__proto__","constructor":1,"prototype":2,"hasOwnProperty":3}')).toBeNull();
  });

  it("refuses nesting one past the limit, of either kind and mixed", () => {
    const nested = (open: string, close: string, depth: number): string =>
      open.repeat(depth) + "1" + close.repeat(depth);
    for (const [open, close] of [
      ["[", "]"],
      ['{"a":', "}"],
    ] as const) {
      expect(fault(nested(open, close, MAX_JSON_DEPTH))).toBeNull();
      expect(fault(nested(open, close, MAX_JSON_DEPTH + 1))).toBe("too_deep");
    }
    expect(fault(nested('[{"a":', "}]", MAX_JSON_DEPTH / 2 + 1))).toBe("too_deep");
    expect(fault(nested("[", "]", 100_000))).toBe("too_deep");
    expect(fault(JSON.stringify("[".repeat(1_000)))).toBeNull();
  });

  it.each([
    "1e400",
    "[-1e999]",
    '{"a":1' + "0".repeat(400) + "}",
    '"\\ud800"',
    '{"\\udc00":1}',
    '["\\ud800x"]',
  ])("refuses %.20s, which has no canonical form", (text) => {
    expect(fault(text)).toBe("no_canonical_form");
  });

  it("accepts whole characters beyond the first plane, however they are spelt", () => {
    expect(parseStrict('"\\ud83d\\ude00😀"')).toEqual({ ok: true, value: "😀😀" });
  });

  it("accepts what JSON.stringify writes, unchanged, and never throws on what it does not", () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 8 }), (text) => {
        const parsed = parseStrict(text);
        if (parsed.ok) expect(parsed.value).toEqual(JSON.parse(text));
        // A generated key may be the forbidden one; nothing else may be refused.
        else expect(text).toMatch(/__proto__|\\u|[\ud800-\udfff]/);
      }),
    );
    fc.assert(fc.property(anyText(), (text) => void parseStrict(text)));
  });

  it("accepts only what has a canonical form, which is then a fixed point", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const parsed = parseStrict(JSON.stringify(value));
        if (!parsed.ok) return;
        const text = canonical(parsed.value);
        expect(canonical(JSON.parse(text) as Json)).toBe(text);
      }),
    );
  });
});

describe("canonical form", () => {
  it("is RFC 8785: sorted by UTF-16, numbers of ECMAScript, no space", () => {
    expect(canonical({ b: [1.0, 1e21, -0, 0.000001], a: { "\u20ac": 1, "\r": 2, "1": 3 } })).toBe(
      '{"a":{"\\r":2,"1":3,"€":1},"b":[1,1e+21,0,0.000001]}',
    );
  });

  it("is what the reference implementation writes, whatever stands in it", () => {
    const key = fc.oneof(
      anyText(),
      fc.constantFrom("__proto__", "toJSON", "10", "9", "01", "-1", "length", "\\ud800", "é"),
    );
    const any = fc.anything({
      key,
      values: [anyText(), fc.double(), fc.boolean(), fc.constant(undefined)],
      maxDepth: 4,
    });
    const written = (write: (value: unknown) => unknown, value: unknown): unknown => {
      try {
        return write(value) ?? "throws";
      } catch {
        return "throws";
      }
    };
    fc.assert(
      fc.property(any, (value) => {
        expect(written(canonical, value)).toBe(written(canonicalize, value));
      }),
    );
  });

  it("takes what nests deeper than any input may, and dates, and refuses a circle", () => {
    let deep: unknown = 1;
    for (let at = 0; at < 10_000; at++) deep = [deep];
    expect(canonical(deep)).toHaveLength(20_001);
    expect(canonical({ at: new Date(0) })).toBe('{"at":"1970-01-01T00:00:00.000Z"}');
    const circle: unknown[] = [];
    circle.push(circle);
    expect(() => canonical(circle)).toThrow();
  });

  it.each([NaN, Infinity, "\ud800", undefined])("throws on %j, which has none", (value) => {
    expect(() => canonical(value)).toThrow();
  });
});
