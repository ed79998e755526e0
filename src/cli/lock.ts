import { setTimeout as sleep } from "node:timers/promises";
import { Argument, Command, InvalidArgumentError } from "commander";
import { LOCK_TARGETS } from "../core/model/lock.ts";
import { MAX_LOCK_REASON } from "../core/model/lock-value.ts";
import type { LockList, LockView } from "../surfaces/admin/ports.ts";
import type { AdminAnswer, AdminClient } from "./admin-client.ts";
import { CliError, EXIT } from "./exit.ts";
import type { Finish } from "./main.ts";
import { adminOf, dataOption, type GatewayOptions, jsonOption, tenantOption } from "./options.ts";
import { pc, print, printJson, table } from "./output.ts";

/** Calls are cut at their connectors at once; one that has no end by now has a full disk before it. */
const DRAIN_WAIT_MS = 10_000;
const DRAIN_POLL_MS = 50;

const UNITS: { readonly [unit: string]: number } = {
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

interface AddOptions extends GatewayOptions {
  readonly reason: string;
  readonly for?: number;
  readonly wait: boolean;
}

export function lockCommand(finish: Finish): Command {
  return new Command("lock")
    .description(
      "stop a tenant, human, agent, key, workflow, tool, definition, destination, connector or bundle",
    )
    .addCommand(addCommand(finish))
    .addCommand(listCommand())
    .addCommand(removeCommand());
}

function addCommand(finish: Finish): Command {
  return new Command("add")
    .description("lock something: nothing more is admitted, calls in flight are cut")
    .addArgument(
      new Argument("<target>", "tenant … key revoke for good, the others pause").choices(
        LOCK_TARGETS,
      ),
    )
    .argument(
      "<value>",
      "its id; of a key its JWK thumbprint, of a human the pseudonym in the record",
    )
    .requiredOption(
      "--reason <text>",
      `why, for the record: one line, at most ${MAX_LOCK_REASON} characters`,
    )
    .option(
      "--for <time>",
      "how long, for example 30m, 8h or 7d; otherwise until it is removed",
      lifeOf,
    )
    .option("--no-wait", "do not wait until the calls in flight have ended")
    .addOption(dataOption())
    .addOption(tenantOption())
    .addOption(jsonOption())
    .action(async (target: string, value: string, options: AddOptions) => {
      const { reason, for: lifeMs } = options;
      const client = adminOf(options);
      const answer = await client.ask("POST", "/locks", {
        ...{ target, value, reason },
        ...(lifeMs !== undefined && { lifeMs }),
      });
      if (answer.status !== 201) throw refusal(answer, target);
      const added = answer.body as LockView & { readonly known: boolean | null };
      const json = options.json === true;
      if (!json) print(forceLine(added));
      if (!json && added.known === false) {
        print(pc.yellow(`no ${target} of this name is known here: is it spelt right?`));
      }
      const { known } = added;
      const last = options.wait ? await drained(client, added) : added;
      if (json) printJson({ ...last, known });
      else if (options.wait) print(drainLine(last));
      finish(options.wait && last.drainedAt === null ? EXIT.no : EXIT.ok);
    });
}

function listCommand(): Command {
  return new Command("list")
    .description("the locks in force")
    .addOption(dataOption())
    .addOption(tenantOption())
    .addOption(jsonOption())
    .action(async (options: GatewayOptions) => {
      const { status, body } = await adminOf(options).ask("GET", "/locks");
      if (status !== 200) throw unavailable();
      const list = body as LockList;
      if (options.json === true) return printJson(list);
      const rows = list.locks.map((one) => [
        ...[one.lock, one.target, one.value, one.state, one.drainedAt ?? "draining"],
        ...[one.expiresAt ?? "", one.by, one.reason],
      ]);
      const head = ["LOCK", "TARGET", "VALUE", "STATE", "DRAINED", "UNTIL", "BY", "REASON"];
      print(table([head, ...rows]));
    });
}

function removeCommand(): Command {
  return new Command("remove")
    .description("let new work in again; credentials that a lock revoked stay revoked")
    .argument("<lock>")
    .addOption(dataOption())
    .addOption(tenantOption())
    .addOption(jsonOption())
    .action(async (lock: string, options: GatewayOptions) => {
      const path = `/locks/${encodeURIComponent(lock)}`;
      const { status, body } = await adminOf(options).ask("DELETE", path);
      if (status === 404)
        throw new CliError(`no lock ${lock} is in force: see postern lock list`, EXIT.no);
      if (status !== 200) {
        throw new CliError(
          `the removal could not be recorded, so ${lock} stays in force: make room on the disk and try again`,
        );
      }
      if (options.json === true) printJson(body);
      else print(`${pc.green("removed")} ${lock}`);
    });
}

function lifeOf(text: string): number {
  const [, amount, unit = ""] = /^([1-9]\d{0,6})([smhd])$/.exec(text) ?? [];
  const ms = Number(amount) * (UNITS[unit] ?? Number.NaN);
  if (!Number.isSafeInteger(ms))
    throw new InvalidArgumentError("Use a number and s, m, h or d: 30m.");
  return ms;
}

/** What the gateway found wrong, as the command line calls it. */
const PLACES: { readonly [pointer: string]: string } = {
  "/value": "VALUE has not the form of an id of this target",
  "/reason": `--reason must be one line of visible text, at most ${MAX_LOCK_REASON} characters`,
  "/lifeMs": "--for is too long: leave it out, and remove the lock when it is time",
};

function refusal({ status, body }: AdminAnswer, target: string): CliError {
  if (status === 400) {
    const { at = [] } = body as { readonly at?: readonly string[] };
    const mistakes = at.map((place) => PLACES[place] ?? `${place} is wrong`);
    return new CliError([`this ${target} cannot be locked:`, ...mistakes].join("\n"), EXIT.usage);
  }
  if (status === 409) {
    return new CliError("there are too many locks: remove some, or lock the whole tenant", EXIT.no);
  }
  return unavailable();
}

function unavailable(): CliError {
  return new CliError(
    "the record of this tenant's locks cannot be read, so nothing of it is admitted: see postern audit verify",
  );
}

async function drained(client: AdminClient, added: LockView): Promise<LockView> {
  let last = added;
  for (let waited = 0; last.drainedAt === null && waited < DRAIN_WAIT_MS; waited += DRAIN_POLL_MS) {
    await sleep(DRAIN_POLL_MS);
    const { status, body } = await client.ask("GET", `/locks/${encodeURIComponent(added.lock)}`);
    // Somebody removed it meanwhile, or its time was over.
    if (status !== 200) return last;
    last = body as LockView;
  }
  return last;
}

function forceLine({ lock, target, value, state, inForceAt }: LockView): string {
  const where = `${lock} on ${target} ${value} since ${inForceAt}`;
  if (state === "in_force") return `${pc.green("in force")} ${where}`;
  return `${pc.yellow("in force, not on disk")} ${where}: a restart would forget it until there is room`;
}

function drainLine({ calls, drainedAt }: LockView): string {
  const count = `${calls} ${calls === 1 ? "call was" : "calls were"} in flight`;
  return drainedAt === null
    ? `${pc.yellow("not drained")} after ${DRAIN_WAIT_MS / 1_000} s: ${count}; see postern lock list`
    : `${pc.green("drained")} at ${drainedAt}: ${count}`;
}
