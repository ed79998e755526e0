/** An event holds one JSON-RPC message; the largest is a result at the cap of its tool. */
const MAX_EVENT_CHARACTERS = 32 * 1_024 * 1_024;

/** The data of each event of a stream; other fields say nothing to a client on standard input. */
export async function* readEvents(body: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let pending: string[] = [];
  let size = 0;
  let data: string[] = [];
  for await (const chunk of body) {
    const text = decoder.decode(chunk, { stream: true });
    pending.push(text);
    size += text.length;
    if (size > MAX_EVENT_CHARACTERS) throw new RangeError("an event is too large");
    if (!/[\r\n]/.test(text)) continue;
    // A carriage return at the very end may be half of a line break.
    const lines = pending.join("").split(/\r\n|\n|\r(?!$)/);
    pending = lines.splice(-1);
    size = pending[0]?.length ?? 0;
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
