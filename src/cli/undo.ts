import { Command } from "commander";
import type { Outcome } from "../core/model/outcome.ts";
import type { UndoRefused, Workflow } from "../sdk/client.ts";
import { openProfile } from "./connect/profile.ts";
import { EXIT } from "./exit.ts";
import { waitingForHumans } from "./humans.ts";
import type { Finish } from "./main.ts";
import { dataOption, jsonOption } from "./options.ts";
import { print, printJson, table } from "./output.ts";
import { profileFile } from "./profile-file.ts";

interface UndoOptions {
  readonly as: string;
  readonly data: string;
  readonly json?: boolean;
  readonly wait: boolean;
}

interface Undone {
  readonly call: string;
  readonly tool: string | null;
  readonly answer: Outcome | UndoRefused;
}

/** Both start a workflow of their own, as the same human: the way back is as governed as the way in. */
export function undoCallCommand(finish: Finish): Command {
  return withOptions(new Command("undo"))
    .description("take back what one call committed, with approval where the policies want it")
    .argument("<call>")
    .action((call: string, options: UndoOptions) =>
      within(options, async (workflow) => {
        const answer = await takeBack(workflow, call, options);
        report(options, [{ call, tool: null, answer }], finish);
      }),
    );
}

export function undoWorkflowCommand(finish: Finish): Command {
  return withOptions(new Command("undo"))
    .description("take back everything a workflow committed, the last change first")
    .argument("<workflow>")
    .action((of: string, options: UndoOptions) =>
      within(options, async (workflow) => {
        const undone: Undone[] = [];
        for (const { call, tool } of await workflow.undoPlan(of)) {
          try {
            undone.push({ call, tool, answer: await takeBack(workflow, call, options) });
          } catch (error) {
            // What has been taken back by then has to be known, whatever stopped the rest.
            if (undone.length > 0) report(options, undone, finish);
            throw error;
          }
        }
        report(options, undone, finish);
      }),
    );
}

function takeBack(
  workflow: Workflow,
  call: string,
  { wait }: UndoOptions,
): Promise<Outcome | UndoRefused> {
  const ask = (untilDecided: boolean): Promise<Outcome | UndoRefused> =>
    workflow.undo(call, { untilDecided });
  return wait ? waitingForHumans(ask) : ask(false);
}

function withOptions(command: Command): Command {
  return command
    .requiredOption("--as <profile>", "a profile's name (in DATA/../profiles) or its file")
    .addOption(dataOption())
    .option("--no-wait", "do not wait for humans to approve")
    .addOption(jsonOption());
}

async function within(
  options: UndoOptions,
  work: (workflow: Workflow) => Promise<void>,
): Promise<void> {
  const workflow = await openProfile(profileFile(options.as, options.data));
  try {
    await work(workflow);
  } finally {
    // Closed, a request that still waits would die with it.
    if (options.wait) await workflow.close();
  }
}

function report(options: UndoOptions, undone: readonly Undone[], finish: Finish): void {
  if (options.json === true) printJson({ undone });
  else if (undone.length === 0) print("nothing to take back");
  else {
    const rows = undone.map(({ call, tool, answer }) => [call, tool ?? "", ...words(answer)]);
    print(table([["CALL", "TOOL", "UNDONE", "WHY NOT"], ...rows]));
  }
  finish(undone.every(({ answer }) => isDone(answer)) ? EXIT.ok : EXIT.no);
}

function isDone(answer: Outcome | UndoRefused): boolean {
  return "outcome" in answer && (answer.outcome === "ok" || answer.outcome === "partial_result");
}

function words(answer: Outcome | UndoRefused): readonly [string, string] {
  if ("refused" in answer) return ["no", `${answer.refused.code}: ${answer.refused.message}`];
  if (isDone(answer)) return ["yes", ""];
  if (answer.outcome === "human_approval_required") {
    return ["not yet", `${answer.outcome}: ${answer.approval.url}`];
  }
  const reason = "reason" in answer ? ` ${answer.reason.code}: ${answer.reason.message}` : "";
  return ["no", `${answer.outcome}${reason}`];
}
