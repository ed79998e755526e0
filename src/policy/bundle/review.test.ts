import { describe, expect, it } from "vitest";
import { checkBundle } from "./check.ts";
import type { BundleFiles, ToolDescription } from "./model.ts";
import { goodBundle, spoilt } from "./testing.ts";

const PATH = "tools/books_find.jsonc";

function described(files: BundleFiles, id: string): ToolDescription | undefined {
  const checked = checkBundle(files);
  if (!checked.ok) throw new Error(JSON.stringify(checked.mistakes));
  return checked.bundle.tools.find(({ tool }) => tool.id === id);
}

function withMember(text: string | undefined, member: string): string {
  return (text ?? "").replace("{", `{\n${member},`);
}

describe("what a person has still to confirm", () => {
  it("keeps a tool from being callable until nothing of it is left", async () => {
    const files = await goodBundle();
    const review = (list: string): BundleFiles => ({
      ...files,
      [PATH]: withMember(files[PATH], `"review": ${list}`),
    });
    expect(described(files, "books_find")?.tool.reviewed).toBe(true);
    expect(described(review("[]"), "books_find")?.tool.reviewed).toBe(true);
    const guessed = described(review('["action", "writeDomain"]'), "books_find");
    expect(guessed?.tool.reviewed).toBe(false);
    expect(guessed?.review).toEqual(["action", "writeDomain"]);
  });

  it("names members of a tool file only", async () => {
    const files = await goodBundle();
    const mistakes = spoilt(files, PATH, "{", '{ "review": ["acton", "review"],');
    expect(mistakes.map(({ code, suggestion }) => [code, suggestion])).toEqual([
      ["wrong_value", "action"],
      ["wrong_value", undefined],
    ]);
  });

  it("is the owner's to answer for: the tool's, else the bundle's, else whoever has its name", async () => {
    const files = await goodBundle();
    const manifest = files["bundle.jsonc"];
    const owned = { ...files, "bundle.jsonc": withMember(manifest, '"owner": "Lending desk"') };
    const own = { ...owned, [PATH]: withMember(files[PATH], '"owner": "Catalogue team"') };
    expect(described(files, "books_find")?.owner).toBe("library");
    expect(described(owned, "books_find")?.owner).toBe("Lending desk");
    expect(described(own, "books_find")?.owner).toBe("Catalogue team");
  });
});
