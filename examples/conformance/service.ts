import { createServer } from "node:http";
import { announce, untilStopped } from "../acme/service.ts";
import { FIXTURES } from "./content.ts";

/** The private service behind the tools of the MCP suite: `node examples/conformance/service.ts`. */
const server = createServer((request, response) => {
  const fixture = FIXTURES[`${request.method} ${request.url}`];
  request.resume();
  if (fixture === undefined) {
    response.writeHead(404).end();
    return;
  }
  response.writeHead(fixture.status, { "content-type": fixture.contentType }).end(fixture.body);
});

server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  const origin = `http://127.0.0.1:${address.port}`;
  announce({ origin });
});

untilStopped(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});
