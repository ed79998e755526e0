import { describe, expect, it } from "vitest";
import { newKey, WorkflowKey } from "./workflow-key.ts";

describe("the key of one workflow", () => {
  it("never seals twice under one nonce, however many were drawn at a time", () => {
    const key = new WorkflowKey(newKey());
    const sealed = Array.from({ length: 1_000 }, () => key.seal("here", "a text"));
    const nonces = sealed.map((bytes) => bytes.subarray(0, 12).toString("hex"));
    expect(new Set(nonces).size).toBe(1_000);
    expect(sealed.every((bytes) => key.open("here", bytes) === "a text")).toBe(true);
  });

  it("opens a text only where it was sealed, and unchanged", () => {
    const key = new WorkflowKey(newKey());
    const bytes = key.seal("here", "a text");
    expect(key.open("there", bytes)).toBeNull();
    expect(new WorkflowKey(newKey()).open("here", bytes)).toBeNull();
    for (const at of bytes.keys()) {
      const changed = Buffer.from(bytes);
      changed[at]! ^= 1;
      expect(key.open("here", changed)).toBeNull();
    }
  });
});
