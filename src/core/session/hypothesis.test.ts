import { describe, expect, it } from "vitest";
import type { ApprovalKind } from "../model/bundle.ts";
import type { Question } from "../model/policy.ts";
import {
  ALLOW,
  approvalKind,
  callCommand,
  DENY,
  needing,
  readTool,
  type Script,
  SILENT,
  type World,
  worldOf,
  writeTool,
} from "../testing.ts";

const [A, B, C] = ["a", "b", "c"].map((id) => approvalKind(id)) as [
  ApprovalKind,
  ApprovalKind,
  ApprovalKind,
];

function worldWith(approvalKinds: readonly ApprovalKind[], script: Script): World {
  const world = worldOf([readTool(), writeTool()], { approvalKinds });
  world.script = script;
  return world;
}

const given = ({ context }: Question): readonly string[] =>
  context["approvals"] as readonly string[];
const write = callCommand("call_1", { tool: "tickets_open" });

function asked(world: World, command = write): readonly string[] | null {
  const { result } = world.submit(command);
  if (result.kind !== "asked") return null;
  return world.state.approvals.at(-1)!.kinds;
}

describe("a denied call", () => {
  it("asks for every kind that is needed, in the order of the bundle", () => {
    expect(asked(worldWith([B, A], needing("a", "b")))).toEqual(["b", "a"]);
  });

  it("asks for no kind that can be spared", () => {
    expect(asked(worldWith([A, B, C], needing("b")))).toEqual(["b"]);
  });

  it("drops the kinds in the order of the bundle where one of two is enough", () => {
    const either: Script = (question) =>
      question.action === "mutate" && given(question).length === 0 ? DENY : ALLOW;
    expect(asked(worldWith([A, B], either))).toEqual(["b"]);
    expect(asked(worldWith([B, A], either))).toEqual(["a"]);
  });

  it("asks nothing where no kind helps, and is denied for the reason it was", () => {
    const world = worldWith([A, B], ({ action }) => (action === "mutate" ? DENY : ALLOW));
    expect(world.submit(write).result).toEqual({
      kind: "denied",
      code: "action_denied",
      policyClass: "action",
      ruleIds: ["forbid-it"],
    });
    expect(world.events.at(-1)).toMatchObject({ outcome: "policy_denied", approval: null });
    expect(world.state.approvals).toEqual([]);
  });

  it("asks nothing in a bundle without kinds, though its rules speak of them", () => {
    expect(asked(worldWith([], needing("a")))).toBeNull();
  });

  it("asks nothing where the kinds together turn another rule against it", () => {
    const world = worldWith([A, B], (question) =>
      question.action === "mutate" && given(question).length !== 1 ? DENY : ALLOW,
    );
    expect(world.submit(write).result).toMatchObject({ code: "action_denied" });
  });

  it("asks nothing where a policy errors: nobody approves what cannot be evaluated", () => {
    const world = worldWith([A], (question) =>
      question.action === "mutate" && !given(question).includes("a")
        ? { ...ALLOW, errors: ["broken"] }
        : ALLOW,
    );
    expect(world.submit(write).result).toMatchObject({ code: "policy_error" });
  });

  it("asks nothing where the error comes only with the approval", () => {
    const world = worldWith([A], (question) => {
      if (question.action !== "mutate") return ALLOW;
      return given(question).includes("a") ? { ...ALLOW, errors: ["broken"] } : DENY;
    });
    expect(world.submit(write).result).toMatchObject({ code: "action_denied" });
  });

  it.each([
    ["with all kinds", ["a", "b"]],
    ["without one of them", ["b"]],
  ])("may be sent again where the engine traps on the question behind it, %s", (_, kinds) => {
    const world = worldWith([A, B], (question) => {
      if (question.action !== "mutate") return ALLOW;
      if (String(given(question)) === String(kinds)) throw new Error("trap");
      return given(question).length === 0 ? DENY : ALLOW;
    });
    const failed = { kind: "failed", code: "policy_unavailable" };
    expect(world.submit(write).result).toMatchObject(failed);
    expect(world.state.approvals).toEqual([]);
  });
});

describe("an approval opens no network and no budget", () => {
  it.each([
    ["connect", "network_denied"],
    ["spend", "budget_denied"],
  ] as const)("which are not even told of it: %s", (action, code) => {
    const seen: (readonly string[])[] = [];
    const world = worldWith([A], (question) => {
      if (question.action !== action) return ALLOW;
      seen.push(given(question));
      return given(question).includes("a") ? ALLOW : DENY;
    });
    expect(world.submit(write).result).toMatchObject({ kind: "denied", code });
    expect(new Set(seen.map((kinds) => kinds.length))).toEqual(new Set([0]));
  });

  it("and is not asked for while one of them denies as well", () => {
    const world = worldWith([A], (question) =>
      question.action === "spend" ? SILENT : needing("a")(question),
    );
    expect(world.submit(write).result).toMatchObject({ kind: "denied", code: "action_denied" });
  });
});

describe("what is recorded of the question", () => {
  it("are the rules that turn round, and the classes that would be disclosed beyond now", () => {
    const world = worldWith([A], (question) => {
      if (question.action !== "disclose" || given(question).includes("a")) {
        return { ...ALLOW, ruleIds: [given(question).includes("a") ? "with-a" : "always"] };
      }
      return { ...SILENT, ruleIds: [] };
    });
    expect(asked(world, callCommand("call_1"))).toEqual(["a"]);
    expect(world.state.approvals[0]).toMatchObject({
      ruleIds: ["default:data", "with-a"],
      discloses: ["customer.contact", "customer.id"],
    });
    // And the evidence of each class is that of the answer to come.
    expect(world.events.at(-1)).toMatchObject({
      type: "call.refused",
      outcome: "human_approval_required",
      code: null,
      rules: { network: ["always"], data: ["with-a"] },
    });
  });

  it("is counted as a refusal, but not as a denial", () => {
    const world = worldWith([A], needing("a"));
    world.submit(write);
    expect(world.state.refusals).toMatchObject({ count: 1, denials: 0 });
  });
});
