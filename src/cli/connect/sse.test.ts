import { Readable } from "node:stream";
import { describe, expect, it } from "vitest";
import { readEvents } from "./sse.ts";

async function eventsOf(...chunks: readonly (string | Uint8Array)[]): Promise<readonly string[]> {
  const bytes = chunks.map((chunk) =>
    typeof chunk === "string" ? new TextEncoder().encode(chunk) : chunk,
  );
  const events: string[] = [];
  for await (const event of readEvents(Readable.from(bytes))) events.push(event);
  return events;
}

describe("the data of an event stream", () => {
  it("comes event by event, without comments and other fields", async () => {
    const stream =
      ': hello\n\nevent: message\nid: 1\ndata: {"a":1}\n\nretry: 5\n\ndata:{"b":2}\n\n';
    expect(await eventsOf(stream)).toEqual(['{"a":1}', '{"b":2}']);
  });

  it("is the same however the bytes are cut", async () => {
    const bytes = new TextEncoder().encode("data: ä\r\ndata: 2\r\n\r\ndata: 3\r\n\r\n");
    const single = Array.from(bytes, (_, at) => bytes.slice(at, at + 1));
    expect(await eventsOf(...single)).toEqual(["ä\n2", "3"]);
  });

  it("drops an event that broke off", async () => {
    expect(await eventsOf("data: 1\n\ndata: 2\n")).toEqual(["1"]);
  });

  it("has a limit for one event, none for the stream", async () => {
    const chunk = "x".repeat(1_024 * 1_024);
    const many = Array.from({ length: 33 }, () => `data: ${chunk}\n\n`);
    expect(await eventsOf(...many)).toHaveLength(33);
    await expect(eventsOf("data: ", ...many.map(() => chunk))).rejects.toThrow(RangeError);
  });
});
