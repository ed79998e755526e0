import { readFileSync } from "node:fs";
import type { Socket } from "node:net";
import { join } from "node:path";
import { Agent, buildConnector, fetch } from "undici";
import { readConfig } from "../../src/connector/config.ts";
import { enrolUrl, gatewayUrl, tunnelUrl } from "../../src/connector/dial.ts";
import { Dialler } from "../../src/connector/dialler.ts";
import { HeldBytes } from "../../src/connector/executor.ts";
import { HttpExecutor } from "../../src/connector/http.ts";
import { Journal } from "../../src/connector/journal.ts";
import { OwnKey } from "../../src/connector/own-key.ts";
import type { Log } from "../../src/connector/log.ts";
import { generateKey } from "../../src/connector/state.ts";
import { TrustedKeys } from "../../src/connector/trusted-keys.ts";
import { type Ed25519Jwk, readEd25519 } from "../../src/tunnel/keys.ts";

/**
 * `storm.ts FOLDER`: as many connectors in one process as FOLDER/storm.json has join codes for. They are what
 * `postern connector run` runs (dialler, session, path of a request, journal) but for the folder of each.
 * SIGUSR2: all of them lose their sockets at once. A line says when each of them has a session again.
 */
export interface StormPlan {
  readonly gateway: string;
  readonly tenant: string;
  readonly codes: readonly string[];
  /** A connector's file. */
  readonly config: { readonly network: string; readonly tier: string };
}

const ENROLLING_AT_ONCE = 16;

const folder = process.argv.at(-1)!;
const plan = JSON.parse(readFileSync(join(folder, "storm.json"), "utf8")) as StormPlan;
const gateway = gatewayUrl(plan.gateway)!;
const read = readConfig(JSON.stringify(plan.config), join(folder, "connector.jsonc"), {});
if (!read.ok) throw new Error(JSON.stringify(read.mistakes));
const { network, tier, destinations } = read.config;
const executors = new Map(
  [...destinations].flatMap(([name, destination]) =>
    destination.kind === "http" ? [[name, new HttpExecutor(destination, new HeldBytes())]] : [],
  ),
);
const journal = await Journal.open(folder, "");
const sockets = new Set<Socket>();
/** By join code: who has no session yet that began after all lost theirs. */
const missing = new Set(plan.codes);
const connect = buildConnector({});

const codes = [...plan.codes];
await Promise.all(
  Array.from({ length: ENROLLING_AT_ONCE }, async () => {
    for (let code = codes.pop(); code !== undefined; code = codes.pop()) {
      await begin(code);
    }
  }),
);
process.on("SIGUSR2", () => {
  for (const code of plan.codes) missing.add(code);
  for (const socket of sockets) socket.destroy();
});
process.once("SIGTERM", () => process.exit(0));

/** It dials until this process ends. */
async function begin(code: string): Promise<void> {
  const agent = rememberingAgent();
  const log = logOf(code);
  const { kty, crv, x, d } = generateKey();
  const answer = await fetch(enrolUrl(gateway, plan.tenant), {
    dispatcher: agent,
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ code, publicKey: { kty, crv, x }, network, tier }),
  });
  const enrolled = (await answer.json()) as {
    readonly connector: string;
    readonly issuer: string;
    readonly audience: string;
    readonly jwks: { readonly keys: readonly unknown[] };
  };
  const { connector: id, issuer, audience } = enrolled;
  const known = enrolled.jwks.keys
    .map(readEd25519)
    .filter((key): key is Ed25519Jwk => key !== null);
  const keys = new TrustedKeys(known, () => Promise.resolve(), log);
  const own = await OwnKey.open(join(folder, id), { kty, crv, x, d });
  const { tenant } = plan;
  const parts = {
    identity: { tenant, connector: id, gatewayKeys: keys, sign: (text: string) => own.sign(text) },
    service: {
      ...{ keys, issuer, audience, tenant, place: { network, tier }, destinations, executors },
      ...{ journal, log },
    },
    ...{ journal, keys, own, ready: () => undefined, told: () => undefined },
  };
  void new Dialler(parts, tunnelUrl(gateway, tenant), agent);
}

/** As the connector's own, and it remembers its sockets. */
function rememberingAgent(): Agent {
  return new Agent({
    connect: (options, callback) =>
      connect(options, (error, socket) => {
        if (error !== null) return callback(error, null);
        sockets.add(socket);
        socket.once("close", () => sockets.delete(socket));
        callback(null, socket);
      }),
  });
}

function logOf(code: string): Log {
  return (_level, event) => {
    if (event !== "session_begun" || !missing.delete(code) || missing.size > 0) return;
    process.stdout.write(`${JSON.stringify({ event: "all in" })}\n`);
  };
}
