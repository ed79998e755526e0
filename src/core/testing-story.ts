import type { ContainmentRule } from "./model/bundle.ts";
import {
  ALLOW,
  answered,
  approvalKind,
  approve,
  bundleOf,
  callCommand,
  DENY,
  DOWN,
  failing,
  fitting,
  needing,
  openCommand,
  previewed,
  readTool,
  type Script,
  seatCommand,
  sha256,
  World,
  writeTool,
} from "./testing.ts";

const TRAP: ContainmentRule = {
  id: "trap",
  signal: "canary_tool",
  count: 1,
  withinMs: 60_000,
  // oxlint-disable-next-line unicorn/no-thenable -- read as "and then"; nobody awaits a rule
  then: "lock_workflow",
};

/** One script for the whole story: what is decided under it can be replayed under it. */
const RULES: Script = (question) => {
  if (question.resource.id === "customers_erase") return DENY;
  return String(question.context["tool"]).startsWith("tickets_")
    ? needing("finance")(question)
    : ALLOW;
};

/** One event of every type, with as much in it as an event of that type can hold. */
export function everyEvent(): World {
  const world = new World();
  world.script = RULES;
  const tools = [
    readTool(),
    readTool({ id: "bait", canary: true }),
    writeTool({ preview: ["ticket"] }),
    writeTool({ id: "tickets_close" }),
    writeTool({ id: "notes_write", resendMs: 3_600_000 }),
    writeTool({ id: "customers_erase" }),
  ];
  world.bundle = bundleOf(tools, undefined, undefined, {
    approvalKinds: [approvalKind("finance")],
    delegations: [DOWN],
    containment: [TRAP],
  });
  world.submit(openCommand({ limits: { tokens: 10_000_000, tools: { customers_find: 20 } } }));
  world.submit({ type: "renew", seat: "seat_1" });
  world.submit(
    callCommand("call_1", {
      shaped: fitting({ sources: { region: ["human", "unknown"] } }),
      idempotencyKey: "key",
    }),
  );
  world.submit(
    answered("call_1", {
      settlement: {
        kind: "answered",
        redactions: [{ path: "/rows/*/email", dataClass: "customer.contact", count: 3 }],
        dropped: 1,
        undeclared: 2,
        truncated: false,
        bytes: 512,
        canaries: 0,
      },
    }),
  );
  world.submit(callCommand("call_2", { tool: "notes_write" }));
  world.submit(failing("call_2", "connector_lost", "possible"));
  const presenter = { connector: "con_1", session: "session_1" };
  const operation = sha256("operation");
  const again = { type: "resend", call: "call_2", operation, txn: "txn_again", presenter } as const;
  world.submit({ ...again, effect: "possible" });
  const known = { call: "call_2", session: "session_1", finding: "never" } as const;
  world.submit({ type: "reconcile", ...known });
  world.submit(seatCommand("seat_2"));
  world.submit(seatCommand("seat_3", { agent: "stranger" }));
  world.submit({ type: "reportUsage", seat: "seat_2", tokens: 12 });
  writeWithApproval(world);
  // Without a preview the refusal itself asks.
  world.submit(callCommand("call_5", { tool: "tickets_close" }));
  world.submit(callCommand("call_6", { tool: "customers_erase" }));
  world.submit(callCommand("call_7", { tool: "bait" }));
  world.submit({ type: "checkpoint", seat: "seat_1", value: { step: 3 }, bytes: 10 });
  world.submit({ type: "close", seat: "seat_1" });
  return world;
}

function writeWithApproval(world: World): void {
  const change = { tool: "tickets_open", shaped: fitting({ operation: sha256("change") }) };
  world.submit(callCommand("call_3", change));
  world.submit(previewed("call_3"));
  const [request] = world.state.approvals;
  world.submit(approve(request!, { human: "human-pseudonym" }));
  world.submit(approve(request!));
  world.submit(callCommand("call_4", change));
}
