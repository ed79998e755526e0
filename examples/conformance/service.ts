import { createServer } from "node:http";
import { FIXTURES } from "./content.ts";

/** The private service behind the tools of the MCP suite: `node examples/conformance/service.ts`. */
const server = createServer((request, response) => {
  const fixture = FIXTURES[request.url ?? ""];
  if (request.method !== "GET" || fixture === undefined) {
    response.writeHead(404).end();
    return;
  }
  response.writeHead(fixture.status, { "content-type": fixture.contentType }).end(fixture.body);
});

server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  const origin = `http://127.0.0.1:${address.port}`;
  process.stdout.write(`${JSON.stringify({ event: "ready", origin })}\n`);
});

process.on("SIGTERM", () => {
  server.closeAllConnections();
  server.close();
});
