import { describe, expect, it } from "vitest";
import * as sdk from "./index.ts";
import * as verify from "./verify.ts";

describe("what others import", () => {
  it("from the SDK is this", () => {
    expect(Object.keys(sdk).sort()).toEqual([
      "AgentKey",
      "Applicant",
      "PosternClient",
      "PosternError",
      "ProofKey",
      "Workflow",
      "hashedNgrams",
      "seatOfCall",
    ]);
  });

  it("from verify is this", () => {
    expect(Object.keys(verify).sort()).toEqual([
      "CALL_TOKEN_HEADER",
      "MAX_SPENT",
      "MemorySpentStore",
      "VERIFY_CODES",
      "fixedKeys",
      "remoteKeys",
      "verifyCall",
      "verifyCallToken",
    ]);
  });
});
