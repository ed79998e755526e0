import { serve } from "@hono/node-server";
import { parseArgs } from "node:util";
import { remoteKeys } from "../../../src/sdk/verify.ts";
import { announce, untilStopped } from "../service.ts";
import { deploysApp } from "./app.ts";

/** Acme's deploy service, a process of its own: `node deploys/server.ts --port N --issuer URL` */
const { values } = parseArgs({
  options: {
    port: { type: "string", default: "0" },
    /** `<gateway url>/<tenant>`: who signs call tokens, and the trust domain they are for. */
    issuer: { type: "string", default: "" },
    tenant: { type: "string", default: "acme" },
  },
});

const app = deploysApp({
  keys: remoteKeys(`${values.issuer}/jwks`),
  issuer: values.issuer,
  audience: values.issuer,
  tenant: values.tenant,
  destination: "deploys",
});
const server = serve(
  { fetch: app.fetch, port: Number(values.port), hostname: "127.0.0.1" },
  ({ port }) => announce({ origin: `http://127.0.0.1:${port}` }),
);

untilStopped(async () => {
  const closed = new Promise((resolve) => server.close(resolve));
  // A connector keeps its connections open for the next call.
  if ("closeAllConnections" in server) server.closeAllConnections();
  await closed;
});
