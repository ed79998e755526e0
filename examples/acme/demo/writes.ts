import type { Step } from "../agent/step.ts";
import { AgentProcess } from "./agent-process.ts";
import { postern } from "./postern.ts";
import { actRow, rowOf, type Row } from "./row.ts";
import type { Network } from "./network.ts";
import type { Workspace } from "./workspace.ts";

/** An undo waits for its approval; whoever approves looks this often, this many times. */
const LOOK_EVERY_MS = 100;
const MAX_LOOKS = 200;

/**
 * First the loss of a connector, which nobody must notice. Then the write half of the case: a refund that finance approves, one that went stale, a
 * statement of the agent's own, a kill in the middle, the way back, two critical systems, and a second agent that gets less.
 */
export async function runWrites(
  workspace: Workspace,
  network: Network,
  show: (row: Row) => void,
): Promise<readonly Row[]> {
  const rows: Row[] = [];
  const record = (row: Row): void => {
    rows.push(row);
    show(row);
  };
  await review(workspace, network, record);
  const refunded = await refund(workspace, record);
  record(await undo(workspace, refunded));
  await all(workspace, "dana-refund", "second-look", record);
  await all(workspace, "olga", "operations", record);
  return rows;
}

/** One of two connectors that reach billing dies without a goodbye while reads are under way. */
async function review(
  workspace: Workspace,
  network: Network,
  record: (row: Row) => void,
): Promise<void> {
  const agent = await AgentProcess.start(workspace, "erin", "review");
  try {
    const first = await agent.next();
    await network.lose("connector billing");
    for (let step = first; step !== null; step = await agent.next()) record(rowOf(step));
  } finally {
    await agent.stop();
  }
}

/** Gives the call that refunded 30.00, to be taken back. */
async function refund(workspace: Workspace, record: (row: Row) => void): Promise<string> {
  const agent = await AgentProcess.start(workspace, "dana-refund", "refund");
  const next = async (): Promise<Step> => {
    const step = await agent.next();
    if (step === null) throw new Error("the refund ended early");
    record(rowOf(step));
    return step;
  };
  try {
    await next();
    await next();
    record(await approve(workspace, await next()));
    await next();
    const smaller = await next();
    const larger = await next();
    record(await approve(workspace, smaller));
    record(await approve(workspace, larger));
    const done = await next();
    await next();
    record(await approve(workspace, await next()));
    await next();
    await next();
    record(await kill(workspace, done.outcome.call));
    await next();
    return done.outcome.call;
  } finally {
    await agent.stop();
  }
}

/** Erin of finance looks at the difference and signs in for exactly this decision. */
async function approve(workspace: Workspace, { outcome, title }: Step): Promise<Row> {
  const started = performance.now();
  const answer = await decide(workspace, outcome.approval?.id ?? "");
  const ms = performance.now() - started;
  return actRow(`erin approves: ${title.replace("ask to ", "")}`, answer, ms);
}

async function decide(workspace: Workspace, approval: string): Promise<string> {
  const answer = await postern(["approval", "approve", approval, ...asErin(workspace)]);
  return (answer as { readonly complete?: boolean }).complete === true ? "approved" : "refused";
}

function asErin(workspace: Workspace): string[] {
  return ["--as", workspace.profile("erin"), "--data", workspace.data];
}

/** From here on nothing under this workflow is admitted, whoever asks. */
async function kill(workspace: Workspace, call: string): Promise<Row> {
  const started = performance.now();
  const data = ["--data", workspace.data];
  const { workflow } = (await postern(["call", "show", call, ...data])) as { workflow: string };
  const lock = ["lock", "add", "workflow", workflow, "--reason", "an exercise", ...data];
  const answer = (await postern(lock)) as { readonly state?: string };
  return actRow("somebody pulls the switch", answer.state ?? "?", performance.now() - started);
}

/** The inverse of what was committed, proposed by a new workflow and approved like any change. */
async function undo(workspace: Workspace, call: string): Promise<Row> {
  const started = performance.now();
  const as = ["--as", workspace.profile("dana-refund"), "--data", workspace.data];
  const undone = postern(["call", "undo", call, ...as]);
  await decide(workspace, await firstPending(workspace));
  const { undone: steps } = (await undone) as {
    undone: readonly { readonly answer: { readonly outcome?: string } }[];
  };
  const outcome = steps[0]?.answer.outcome ?? "refused";
  return actRow("undo the refund of 30.00", outcome, performance.now() - started);
}

async function firstPending(workspace: Workspace): Promise<string> {
  for (let look = 0; look < MAX_LOOKS; look++) {
    const answer = await postern(["approval", "list", ...asErin(workspace)]);
    const [first] = (answer as { approvals: readonly { readonly id: string }[] }).approvals;
    if (first !== undefined) return first.id;
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
  throw new Error("nobody asked for an approval");
}

async function all(
  workspace: Workspace,
  profile: string,
  name: "second-look" | "operations",
  record: (row: Row) => void,
): Promise<void> {
  const agent = await AgentProcess.start(workspace, profile, name);
  try {
    for (let step = await agent.next(); step !== null; step = await agent.next()) {
      record(rowOf(step));
    }
  } finally {
    await agent.stop();
  }
}
