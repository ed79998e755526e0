/** An event holds one JSON-RPC message; the largest is a result at the cap of its tool. */
const MAX_EVENT_CHARACTERS = 32 * 1_024 * 1_024;

/** The data of each event of a stream; other fields say nothing to a client on standard input. */
export async function* readEvents(body: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let pending = "";
  let data: string[] = [];
  for await (const chunk of body) {
    pending += decoder.decode(chunk, { stream: true });
    if (pending.length > MAX_EVENT_CHARACTERS) throw new RangeError("an event is too large");
    const lines = pending.split(/\r\n|\n|\r(?!$)/);
    pending = lines.pop() ?? "";
    for (const line of lines) {
      if (line === "") {
        if (data.length > 0) yield data.join("\n");
        data = [];
      } else if (line.startsWith("data:")) {
        data.push(line.slice(line.startsWith("data: ") ? 6 : 5));
      }
    }
  }
}
