import { createServer, type ServerResponse } from "node:http";

const GIGABYTE = 1_024 ** 3;
const CHUNK = Buffer.alloc(64 * 1_024, "x");
const FRAME = '{"text":""}';
const text = Buffer.alloc(8 * 1_024 * 1_024, "x");

/** The private HTTP service of the bench: one small record, always the same, and texts of any size. */
const record = JSON.stringify({
  id: "note-1",
  title: "Quarterly figures",
  text: "x".repeat(400),
  author: { name: "Ada", email: "ada@example.com" },
  tags: ["finance", "draft"],
});

const server = createServer((request, response) => {
  request.resume();
  request.on("end", () => {
    const size = /^\/bodies\/(\w+)$/.exec(request.url ?? "")?.[1];
    if (size === "flood") return flood(response);
    if (size === "never") return;
    if (size !== undefined) return sized(response, Number(size));
    response.writeHead(200, {
      "content-type": "application/json",
      "content-length": record.length,
    });
    response.end(record);
  });
});
function sized(response: ServerResponse, bytes: number): void {
  const body = text.subarray(0, bytes - FRAME.length);
  response.writeHead(200, { "content-type": "application/json", "content-length": bytes });
  response.write('{"text":"');
  response.write(body);
  response.end('"}');
}

/** As fast as the other side takes it. */
function flood(response: ServerResponse): void {
  response.writeHead(200, { "content-type": "application/json" });
  response.on("error", () => undefined);
  let sent = 0;
  const more = (): void => {
    while (!response.destroyed && sent < GIGABYTE) {
      sent += CHUNK.length;
      if (!response.write(CHUNK)) return void response.once("drain", more);
    }
  };
  more();
}

server.keepAliveTimeout = 60_000;
server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  process.stdout.write(
    `${JSON.stringify({ event: "ready", url: `http://127.0.0.1:${address.port}` })}\n`,
  );
});
