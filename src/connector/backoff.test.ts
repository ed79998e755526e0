import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { backoffMs } from "./backoff.ts";

describe("the pause before dialling again", () => {
  it("begins at a tenth of a second, doubles, and stops at ten seconds", () => {
    expect(backoffMs(0, 0.999_999)).toBeCloseTo(100, 1);
    expect(backoffMs(1, 0.999_999)).toBeCloseTo(200, 1);
    expect(backoffMs(7, 0.999_999)).toBeCloseTo(10_000, 0);
    expect(backoffMs(1e9, 0)).toBe(5_000);
  });

  it("is never so short that a gateway is hammered, nor longer than ten seconds", () => {
    fc.assert(
      fc.property(
        fc.nat(),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (failures, random) => {
          const pause = backoffMs(failures, random);
          expect(pause).toBeGreaterThanOrEqual(50);
          expect(pause).toBeLessThanOrEqual(10_000);
        },
      ),
    );
  });
});
