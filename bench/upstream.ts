import { createServer } from "node:http";

/** The private HTTP service of the bench: one small record, always the same. */
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
    response.writeHead(200, {
      "content-type": "application/json",
      "content-length": record.length,
    });
    response.end(record);
  });
});
server.keepAliveTimeout = 60_000;
server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  process.stdout.write(
    `${JSON.stringify({ event: "ready", url: `http://127.0.0.1:${address.port}` })}\n`,
  );
});
