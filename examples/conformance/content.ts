/**
 * What the official MCP suite expects of the tools it calls, as an ordinary HTTP service would
 * answer: text, an image and a sound as what they are, the rest as an MCP `content` array.
 */
export interface Fixture {
  readonly status: number;
  readonly contentType: string;
  readonly body: string | Uint8Array;
}

const RED_PIXEL_PNG =
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGP4z8DwHwAFAAH/iZk9HQAAAABJRU5ErkJggg==";

export const FIXTURES: { readonly [request: string]: Fixture } = {
  "GET /text": {
    status: 200,
    contentType: "text/plain; charset=utf-8",
    body: "This is a simple text response for testing.",
  },
  "GET /image": {
    status: 200,
    contentType: "image/png",
    body: Buffer.from(RED_PIXEL_PNG, "base64"),
  },
  "GET /audio": { status: 200, contentType: "audio/wav", body: silence() },
  "GET /embedded": content([
    {
      type: "resource",
      resource: {
        uri: "test://embedded-resource",
        mimeType: "text/plain",
        text: "This is an embedded resource content.",
      },
    },
  ]),
  "GET /mixed": content([
    { type: "text", text: "Multiple content types test:" },
    { type: "image", data: RED_PIXEL_PNG, mimeType: "image/png" },
    {
      type: "resource",
      resource: {
        uri: "test://mixed-content-resource",
        mimeType: "application/json",
        text: '{"test":"data","value":123}',
      },
    },
  ]),
  "GET /log": {
    status: 200,
    contentType: "text/plain; charset=utf-8",
    body: "Done, without a log.",
  },
  "POST /contact": { status: 200, contentType: "text/plain; charset=utf-8", body: "Noted." },
  "GET /error": { status: 500, contentType: "text/plain; charset=utf-8", body: "It broke." },
};

function content(blocks: readonly object[]): Fixture {
  const body = JSON.stringify({ content: blocks });
  return { status: 200, contentType: "application/json", body };
}

/** The shortest wave file that is one: a header and a single silent sample. */
function silence(): Uint8Array {
  const wave = Buffer.alloc(46);
  wave.write("RIFF", 0);
  wave.writeUInt32LE(38, 4);
  wave.write("WAVEfmt ", 8);
  wave.writeUInt32LE(16, 16);
  wave.writeUInt16LE(1, 20);
  wave.writeUInt16LE(1, 22);
  wave.writeUInt32LE(8_000, 24);
  wave.writeUInt32LE(16_000, 28);
  wave.writeUInt16LE(2, 32);
  wave.writeUInt16LE(16, 34);
  wave.write("data", 36);
  wave.writeUInt32LE(2, 40);
  return wave;
}
