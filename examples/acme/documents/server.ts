import { serve } from "@hono/node-server";
import { parseArgs } from "node:util";
import { remoteKeys } from "../../../src/sdk/verify.ts";
import { announce, untilStopped } from "../service.ts";
import { documentsApp } from "./app.ts";
import { PageIndex } from "./index.ts";
import { pages } from "./pages.ts";

/**
 * Acme's document service, a process of its own:
 * `node documents/server.ts --port N --issuer URL --tenant T`
 */
const { values } = parseArgs({
  options: {
    port: { type: "string", default: "0" },
    /** `<gateway url>/<tenant>`: who signs call tokens, and the trust domain they are for. */
    issuer: { type: "string", default: "" },
    tenant: { type: "string", default: "acme" },
  },
});

const library = pages();
const index = new PageIndex(library);
const app = documentsApp(index, {
  keys: remoteKeys(`${values.issuer}/jwks`),
  issuer: values.issuer,
  audience: values.issuer,
  tenant: values.tenant,
  destination: "documents",
});

const server = serve(
  { fetch: app.fetch, port: Number(values.port), hostname: "127.0.0.1" },
  ({ port }) => announce({ origin: `http://127.0.0.1:${port}`, pages: library.length }),
);

untilStopped(async () => {
  const closed = new Promise((resolve) => server.close(resolve));
  // A connector keeps its connections open for the next call.
  if ("closeAllConnections" in server) server.closeAllConnections();
  await closed;
  index.close();
});
