import { expect, it } from "vitest";
import { coloursFor } from "./colour.ts";

it("a pipe in a build gets no colour, whatever the environment says", () => {
  expect(coloursFor({}, true).red("x")).toBe("x");
  expect(coloursFor({ isTTY: false }, true).bold("x")).toBe("x");
  expect(coloursFor({ isTTY: true }, false).red("x")).toBe("x");
  expect(coloursFor({ isTTY: true }, true).red("x")).not.toBe("x");
});
