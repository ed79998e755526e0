import { once } from "node:events";
import { type AddressInfo, connect } from "node:net";
import { describe, expect, it } from "vitest";
import { agentServer, type HttpLimits } from "./http-server.ts";

/** All that the server says to this text until it hangs up. */
async function says(text: string, limits?: HttpLimits): Promise<string> {
  const server = agentServer(limits);
  server.on("request", (request, response) => {
    request.resume().on("end", () => response.setHeader("connection", "close").end("answered"));
  });
  server.on("upgrade", (_request, socket) => socket.end("upgraded"));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const socket = connect((server.address() as AddressInfo).port, "127.0.0.1");
  socket.write(text);
  let heard = "";
  for await (const chunk of socket) heard += String(chunk);
  server.close();
  return heard;
}

describe("the server that strangers reach", () => {
  it("hangs up on a body that never comes", async () => {
    const head = "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nabc";
    // Long enough that what was sent is read before: a busy machine lets a process stand still.
    const limits = { headersMs: 400, requestMs: 400, checkMs: 50 };
    expect(await says(head, limits)).toMatch(/^HTTP\/1\.1 408 /);
  });

  it("answers a client that offers another protocol beside its request", async () => {
    const head = "GET / HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n";
    expect(await says(head)).toContain("answered");
  });

  it("hands a WebSocket over", async () => {
    const head = "GET / HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: WebSocket\r\n\r\n";
    expect(await says(head)).toBe("upgraded");
  });
});
