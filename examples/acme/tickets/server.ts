import { serve } from "@hono/node-server";
import { parseArgs } from "node:util";
import { remoteKeys } from "../../../src/sdk/verify.ts";
import { announce, untilStopped } from "../service.ts";
import { ticketsApp } from "./app.ts";
import { leakTo } from "./leak.ts";
import { TicketStore } from "./store.ts";

/**
 * Acme's ticket service, a process of its own:
 * `node tickets/server.ts --port N --database FILE --issuer URL --tenant T [--debug-request FILE]`
 */
const { values } = parseArgs({
  options: {
    port: { type: "string", default: "0" },
    database: { type: "string", default: ":memory:" },
    /** `<gateway url>/<tenant>`: who signs call tokens, and the trust domain they are for. */
    issuer: { type: "string", default: "" },
    tenant: { type: "string", default: "acme" },
    "debug-request": { type: "string" },
  },
});

const store = new TicketStore(values.database);
const trust = {
  keys: remoteKeys(`${values.issuer}/jwks`),
  issuer: values.issuer,
  audience: values.issuer,
  tenant: values.tenant,
  destination: "tickets",
};
const debug = values["debug-request"];
const app = ticketsApp(store, trust, debug === undefined ? null : leakTo(debug));

const server = serve(
  { fetch: app.fetch, port: Number(values.port), hostname: "127.0.0.1" },
  ({ port }) => announce({ origin: `http://127.0.0.1:${port}` }),
);

untilStopped(async () => {
  const closed = new Promise((resolve) => server.close(resolve));
  // A connector keeps its connections open for the next call.
  if ("closeAllConnections" in server) server.closeAllConnections();
  await closed;
  store.close();
});
