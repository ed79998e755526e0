import { Command } from "commander";
import type { Change } from "../core/model/change.ts";
import { isObject, type Json } from "../core/model/json.ts";
import type { ApprovalLine, ApprovalView } from "../gateway/approve.ts";
import { decisionNonce } from "../identity/approver.ts";
import { readBounded } from "../sdk/body.ts";
import { type ApproverProfile, readApproverProfile } from "./approver-profile.ts";
import { confirmed } from "./confirm.ts";
import { CliError, EXIT } from "./exit.ts";
import { dataOption, jsonOption } from "./options.ts";
import { pc, print, printable, printJson, table } from "./output.ts";
import { profileFile } from "./profile-file.ts";

interface ApprovalOptions {
  readonly as: string;
  readonly data: string;
  readonly kind?: string;
  readonly yes?: boolean;
  readonly json?: boolean;
}

/** What a sign-in to look, not to decide, has as its nonce. */
const VIEW_NONCE = "view";
const TIMEOUT_MS = 30_000;
/** A diff has at most 64 KiB; arguments may have as much again. */
const MAX_ANSWER_BYTES = 4 * 1_024 * 1_024;

export function approvalCommand(): Command {
  const list = options(new Command("list"))
    .description("requests that wait for a human; signs you in to look")
    .action(async (given: ApprovalOptions) => {
      const body = await new Approvals(given).ask("GET", "", VIEW_NONCE);
      const { approvals } = body as { approvals: readonly ApprovalLine[] };
      if (given.json === true) return printJson({ approvals });
      const rows = approvals.map((one) => [
        ...[one.id, one.tool, one.agent, one.kinds.join(", ")],
        one.expiresAt,
      ]);
      print(table([["APPROVAL", "TOOL", "AGENT", "KINDS", "UNTIL"], ...rows]));
    });
  const show = options(new Command("show"))
    .description("one request, with the change as far as you may see it")
    .argument("<approval>")
    .action(async (id: string, given: ApprovalOptions) => {
      const view = await new Approvals(given).show(id);
      if (given.json === true) printJson(view);
      else print(viewLines(view));
    });
  return new Command("approval")
    .description("what waits for a human")
    .addCommand(list)
    .addCommand(show)
    .addCommand(decisionCommand("approve", "give one kind; signs you in to look, and to decide"))
    .addCommand(decisionCommand("reject", "refuse it: this tool on this target stays rejected"));
}

function decisionCommand(verdict: "approve" | "reject", description: string): Command {
  return options(new Command(verdict))
    .description(description)
    .argument("<approval>")
    .option("--kind <kind>", "which one, where several are asked for")
    .option("--yes", "do not ask again on a terminal")
    .action(async (id: string, given: ApprovalOptions) => {
      const approvals = new Approvals(given);
      const view = await approvals.show(id);
      if (given.json !== true) print(viewLines(view));
      const kind = kindOf(view, given.kind);
      if (given.yes !== true && given.json !== true) await confirmed(`${verdict} ${kind}?`);
      const decided = await approvals.decide(view, verdict, kind);
      if (given.json === true) printJson(decided);
      else print(`${verdict === "approve" ? pc.green("approved") : pc.red("rejected")} ${kind}`);
    });
}

function options(command: Command): Command {
  return command
    .requiredOption("--as <profile>", "a profile with `approver`, by name or file")
    .addOption(dataOption())
    .addOption(jsonOption());
}

function kindOf(view: ApprovalView, wanted: string | undefined): string {
  const open = view.kinds.filter((kind) => !view.given.includes(kind));
  if (wanted !== undefined) return wanted;
  const [only] = open;
  if (only === undefined)
    throw new CliError(`nothing is left to decide: it is ${view.status}`, EXIT.no);
  if (open.length === 1) return only;
  throw new CliError(`name one with --kind: ${view.kinds.join(", ")}`, EXIT.usage);
}

/** One human at one gateway. Each request signs in anew: a token is good for one thing. */
class Approvals {
  readonly #profile: ApproverProfile;

  constructor({ as, data }: ApprovalOptions) {
    this.#profile = readApproverProfile(profileFile(as, data));
  }

  async show(id: string): Promise<ApprovalView> {
    return (await this.ask("GET", `/${encodeURIComponent(id)}`, VIEW_NONCE)) as ApprovalView;
  }

  decide(view: ApprovalView, verdict: "approve" | "reject", kind: string): Promise<unknown> {
    const { id, digest } = view;
    const nonce = decisionNonce(verdict, kind, digest);
    const path = `/${encodeURIComponent(id)}/decision`;
    return this.ask("POST", path, nonce, { kind, verdict, digest });
  }

  async ask(method: string, path: string, nonce: string, body?: object): Promise<unknown> {
    const token = await this.#profile.token(nonce, new AbortController().signal);
    const response = await fetch(`${this.#profile.base}${path}`, {
      method,
      redirect: "error",
      signal: AbortSignal.timeout(TIMEOUT_MS),
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      ...(body && { body: JSON.stringify(body) }),
    }).catch(() => {
      throw new CliError("the gateway did not answer");
    });
    const bytes = await readBounded(response.body, MAX_ANSWER_BYTES);
    const answer = bytes === null ? null : jsonOf(new TextDecoder().decode(bytes));
    if (response.ok && answer !== null) return answer;
    throw new CliError(refusalOf(answer, response.status), EXIT.no);
  }
}

function jsonOf(text: string): Json | null {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return null;
  }
}

function refusalOf(answer: Json | null, status: number): string {
  const problem = isObject(answer) ? answer : {};
  const refusal = problem["refusal"];
  if (isObject(refusal)) {
    const rules = Array.isArray(refusal["ruleIds"]) ? refusal["ruleIds"].join(", ") : "";
    return `${String(refusal["code"])}: ${String(refusal["message"])}${rules && ` (${rules})`}`;
  }
  return `${String(problem["code"] ?? status)}: ${String(problem["detail"] ?? "refused")}`;
}

function viewLines(view: ApprovalView): string {
  const facts = table([
    ["approval", view.id],
    ["status", view.status],
    ["tool", `${view.title} (${view.tool})`],
    ["summary", view.summary],
    ["agent", view.agent],
    ["purpose", view.purpose],
    ["workflow", view.workflow],
    ["kinds", view.kinds.join(", ")],
    ["rules", view.ruleIds.join(", ")],
    ...(view.discloses.length > 0 ? [["would also disclose", view.discloses.join(", ")]] : []),
    ["until", view.expiresAt],
    ["arguments", JSON.stringify(view.arguments ?? "not for you, or no longer kept")],
  ]);
  return [facts, pc.bold("change"), ...changeLines(view), ...earlierLines(view)].join("\n");
}

/** Ten small refunds are one large one: whoever decides sees what was asked for before. */
function earlierLines({ earlier }: ApprovalView): readonly string[] {
  if (earlier.length === 0) return [];
  const rows = earlier.map(({ id, tool, again, status }) => [
    `  ${id}`,
    tool,
    status,
    again ? "same target" : "",
  ]);
  return [pc.bold("asked for before in this workflow"), table(rows)];
}

/** Before and after, as a person reads a diff; what may not be seen says so. */
function changeLines({ proposedDiff, hidden = [] }: ApprovalView): readonly string[] {
  if (proposedDiff === undefined) return ["  this tool has no preview"];
  if (proposedDiff.length === 0) return ["  nothing would change"];
  const lines = proposedDiff.map((step: Change[number]) => {
    const value = "value" in step ? ` ${JSON.stringify(step.value)}` : "";
    const text = printable(`${step.path}${value}`);
    if (step.op === "test") return pc.red(`  - ${text}`);
    if (step.op === "remove") return pc.red(`  - ${printable(step.path)} (removed)`);
    return pc.green(`  + ${text}`);
  });
  // A key of a map is text of the service, like a value.
  const withheld = hidden.map(
    ({ path, dataClass }) => `  ? ${printable(path)} is ${dataClass}: not for you`,
  );
  return [...lines, ...withheld];
}
