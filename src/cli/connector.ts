import { Command, Option } from "commander";
import { TIERS } from "../core/model/policy.ts";
import type { ConnectorStatus, JoinCode } from "../surfaces/admin/ports.ts";
import type { RunOptions } from "./connector-run.ts";
import { CliError, EXIT } from "./exit.ts";
import type { Finish } from "./main.ts";
import { adminOf, dataOption, type GatewayOptions, jsonOption, tenantOption } from "./options.ts";
import { print, printJson, table } from "./output.ts";

export function connectorCommand(finish: Finish): Command {
  const enroll = new Command("enroll")
    .description("make a one-time code that lets one connector in")
    .requiredOption("--network <name>", "the network it serves")
    .addOption(
      new Option("--tier <tier>", "the one sensitivity tier").choices(TIERS).makeOptionMandatory(),
    )
    .addOption(dataOption())
    .addOption(tenantOption())
    .addOption(jsonOption())
    .action(async (options: GatewayOptions & { network: string; tier: string }) => {
      const { network, tier } = options;
      const { status, body } = await adminOf(options).ask("POST", "/join-codes", { network, tier });
      if (status === 400) {
        throw new CliError(
          `network ${network}: use lower-case letters, digits and dashes`,
          EXIT.usage,
        );
      }
      if (status !== 201) throw new CliError(`the gateway answered ${status}; its log says more`);
      const code = body as JoinCode;
      if (options.json === true) printJson(code);
      else print(code.code);
    });

  const run = new Command("run")
    .description("serve the destinations of a connector file until SIGTERM or Ctrl-C")
    .requiredOption("--config <file>", "connector.jsonc: what this connector may reach")
    .requiredOption("--gateway <url>", "the gateway to dial")
    .option("--gateway-ca <file>", "PEM of the authority that the gateway's certificate comes from")
    .option(
      "--listen <address>",
      "do not dial: wait at this private HOST:PORT for the gateway (it names this URL in postern.jsonc)",
    )
    .option("--join <code>", "enrol first with this one-time code, where that was not done yet")
    .action(async (options: RunOptions) => {
      // All that a connector needs: the other verbs need none of it.
      const { runConnector } = await import("./connector-run.ts");
      finish(await runConnector(options));
    });

  const list = new Command("list")
    .description("enrolled connectors, and whether they are here")
    .addOption(dataOption())
    .addOption(tenantOption())
    .addOption(jsonOption())
    .action(async (options: GatewayOptions) => {
      const { body } = await adminOf(options).ask("GET", "/connectors");
      const { connectors } = body as { connectors: readonly ConnectorStatus[] };
      if (options.json === true) return printJson({ connectors });
      const rows = connectors.map((one) => [
        one.connector,
        one.network,
        one.tier,
        one.connected ? "connected" : "away",
      ]);
      print(table([["CONNECTOR", "NETWORK", "TIER", "STATE"], ...rows]));
    });
  const drain = named("drain", "give it no more calls: it finishes those it has, and stops").action(
    async (connector: string, options: GatewayOptions) => {
      const body = await changed(options, "POST", connector, "/drain");
      if (options.json === true) return printJson(body);
      const { calls } = body as { calls: number };
      print(`${connector} stops when its calls are done: ${calls} under way`);
    },
  );

  const rotate = named("rotate", "give it another key, while it serves").action(
    async (connector: string, options: GatewayOptions) => {
      const body = await changed(options, "POST", connector, "/rotate");
      if (options.json === true) return printJson(body);
      print(`${connector} has the key ${(body as { key: string }).key}; no other one is good now`);
    },
  );

  const remove = named("remove", "its key is good no more, and its session is cut").action(
    async (connector: string, options: GatewayOptions) => {
      const body = await changed(options, "DELETE", connector, "");
      if (options.json === true) return printJson(body);
      print(`${connector} is removed: to come back it has to enrol anew`);
    },
  );
  return new Command("connector")
    .description("the daemon inside the private network")
    .addCommand(enroll)
    .addCommand(run)
    .addCommand(list)
    .addCommand(drain)
    .addCommand(rotate)
    .addCommand(remove);
}

function named(verb: string, what: string): Command {
  return new Command(verb)
    .description(what)
    .argument("<connector>", "its id: see postern connector list")
    .addOption(dataOption())
    .addOption(tenantOption())
    .addOption(jsonOption());
}

async function changed(
  options: GatewayOptions,
  method: "POST" | "DELETE",
  connector: string,
  verb: string,
): Promise<unknown> {
  const path = `/connectors/${encodeURIComponent(connector)}${verb}`;
  const { status, body } = await adminOf(options).ask(method, path);
  if (status === 404) throw new CliError(`there is no connector ${connector}`, EXIT.no);
  if (status === 409) {
    throw new CliError(`${connector} is not connected, or does not answer`, EXIT.no);
  }
  if (status !== 200) throw new CliError(`the gateway answered ${status}; its log says more`);
  return body;
}
