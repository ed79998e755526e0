import fc from "fast-check";

const POINT = fc.integer({ min: 0, max: 0x10_ff_ff }).map((point) => String.fromCodePoint(point));

/**
 * Any text at all, lone surrogates among it. As `unit: "binary"` of fast-check, which works for a second
 * and more in each file before it gives its first one.
 */
export function anyText(maxLength?: number): fc.Arbitrary<string> {
  return fc.string({ unit: POINT, ...(maxLength !== undefined && { maxLength }) });
}
