import { describe, expect, it } from "vitest";
import { openByPost } from "./post-client.ts";
import { FRAME_TYPE, SOCKET_HEADER } from "./post.ts";
import type { Socket } from "./socket.ts";
import { settle } from "./testing.ts";

/** A connector that answers each POST when the test says so. */
function listening() {
  const posted: { readonly body: string; readonly answer: () => void }[] = [];
  const fetcher = (_: string, { body }: { readonly body: string }): Promise<Response> =>
    new Promise((resolve) => {
      const headers = { "content-type": FRAME_TYPE, [SOCKET_HEADER]: "0".repeat(32) };
      posted.push({ body, answer: () => resolve(new Response("", { headers })) });
    });
  return { posted, fetcher: fetcher as unknown as Parameters<typeof openByPost>[3] };
}

describe("a socket out of POSTs", () => {
  it("lets nothing overtake the handshake, and after it lets nothing wait", async () => {
    const { posted, fetcher } = listening();
    const bodies = (): readonly string[] => posted.map(({ body }) => body);
    const stop = new AbortController();
    let socket!: Socket;
    const accept = (opened: Socket) => {
      socket = opened;
      return { message: () => undefined, room: () => 1_024, closed: () => undefined };
    };
    const over = openByPost("http://connector", accept, stop.signal, fetcher);
    posted[0]!.answer();
    await settle();
    for (const text of ["challenge", "welcome", "keys", "request"]) socket.send(text);
    expect(socket.buffered()).toBe("challengewelcomekeysrequest".length);
    await settle();
    expect(bodies()).toEqual(["", "challenge"]);
    posted[1]!.answer();
    await settle();
    expect(bodies()).toEqual(["", "challenge", "welcome"]);
    posted[2]!.answer();
    await settle();
    expect(bodies()).toEqual(["", "challenge", "welcome", "keys", "request"]);
    expect(socket.buffered()).toBe("keysrequest".length);
    stop.abort();
    expect(await over).toBe(true);
  });
});
