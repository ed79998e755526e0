import { EventEmitter, once } from "node:events";
import { join } from "node:path";
import type { Step } from "../agent/step.ts";
import { CASE_CUSTOMER } from "../billing/company.ts";
import { Child, ChildFailed } from "../child.ts";
import type { Workspace } from "./workspace.ts";

/** A step that takes longer is a hang; the agent itself gives every call 20 s. */
const STEP_WITHIN_MS = 30_000;

export type AgentCase =
  | "support"
  | "refund"
  | "operations"
  | "review"
  | "second-look"
  | "search"
  | "similar";

/** The agent's process, moved on one call at a time. */
export class AgentProcess {
  readonly #child: Child;
  readonly #lines: EventEmitter;
  readonly #gone = new AbortController();

  private constructor(child: Child, lines: EventEmitter) {
    this.#child = child;
    this.#lines = lines;
    void child.ended().then(() => this.#gone.abort());
  }

  static async start(
    workspace: Workspace,
    profile: string,
    name: AgentCase = "support",
  ): Promise<AgentProcess> {
    const lines = new EventEmitter();
    const child = await Child.start({
      name: "agent",
      args: [
        join(import.meta.dirname, "..", "agent", name === "second-look" ? `${name}.ts` : "main.ts"),
        ...["--profile", workspace.profile(profile), "--customer", CASE_CUSTOMER],
        ...(name === "second-look"
          ? ["--checker-key", workspace.agentKey("checker-agent")]
          : ["--case", name]),
      ],
      log: workspace.log(name === "support" ? "agent" : `agent-${name}`),
      onLine: (line) => lines.emit("line", line),
    });
    return new AgentProcess(child, lines);
  }

  /** Names of the tools that the agent was shown. */
  get tools(): readonly string[] {
    return String(this.#child.facts["tools"]).split(" ");
  }

  /** The next call and its outcome; null when the case is over. */
  async next(): Promise<Step | null> {
    const late = AbortSignal.timeout(STEP_WITHIN_MS);
    const signal = AbortSignal.any([late, this.#gone.signal]);
    const answer = once(this.#lines, "line", { signal });
    this.#child.tell("next");
    try {
      const [line] = (await answer) as [string];
      return (JSON.parse(line) as { readonly step?: Step }).step ?? null;
    } catch {
      const why = late.aborted ? `said nothing for ${STEP_WITHIN_MS / 1_000} s` : "ended";
      throw new ChildFailed(`the agent ${why} in the middle of its case; see its log`);
    }
  }

  stop(): Promise<void> {
    return this.#child.stop();
  }
}
