import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { hashedNgrams } from "../sdk/hashed-ngrams.ts";
import { Reach } from "./lookup.ts";
import { Secret } from "./secret.ts";
import { embedderOf, type Embedder } from "./embedder.ts";
import { publicTls } from "./tls.ts";

const never = { signal: new AbortController().signal, remainingMs: () => 4_999.9 };

describe("the local embedder", () => {
  it("is the function that the SDK gives to those who fill an index", async () => {
    const embedder = embedderOf({ kind: "hashed-ngrams", dimensions: 16 });
    expect(await embedder.embed(["one", "two"], never)).toEqual({
      ok: true,
      vectors: [hashedNgrams("one", 16), hashedNgrams("two", 16)],
    });
  });
});

type Answer = (request: IncomingMessage, response: ServerResponse, body: string) => void;
const json = (value: unknown): Answer => {
  return (_, response) => response.end(typeof value === "string" ? value : JSON.stringify(value));
};

let answer: Answer = json({});
const server = createServer((request, response) => {
  let body = "";
  request.on("data", (chunk: Buffer) => (body += chunk.toString()));
  request.on("end", () => answer(request, response, body));
});
const plain = { reach: new Reach(), tls: publicTls };
let url: string;
let embedder: Embedder;

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/embeddings?api=2`;
  embedder = embedderOf({
    kind: "endpoint",
    url,
    model: "m-1",
    dimensions: 2,
    token: Secret.fixed("s3cret"),
    ...plain,
  });
});
afterAll(async () => {
  await embedder.close();
  server.closeAllConnections();
  server.close();
});

const good = { data: [{ index: 0, embedding: [0.5, -1] }, { embedding: [0, 1e-3] }] };

describe("an embedding endpoint", () => {
  it("is asked once for all texts, with its own secret, and no word of who asks", async () => {
    let seen: unknown;
    answer = (request, response, body) => {
      const { method, url: path, headers } = request;
      seen = { method, path, authorization: headers.authorization, body: JSON.parse(body) };
      expect(Object.keys(headers).sort()).toEqual([
        "accept-encoding",
        "authorization",
        "connection",
        "content-length",
        "content-type",
        "host",
        "x-envoy-expected-rq-timeout-ms",
      ]);
      expect(headers["x-envoy-expected-rq-timeout-ms"]).toBe("4999");
      json(good)(request, response, body);
    };
    expect(await embedder.embed(["a", "b"], never)).toEqual({
      ok: true,
      vectors: [
        [0.5, -1],
        [0, 1e-3],
      ],
    });
    expect(seen).toEqual({
      method: "POST",
      path: "/v1/embeddings?api=2",
      authorization: "Bearer s3cret",
      body: { model: "m-1", input: ["a", "b"], encoding_format: "float" },
    });
  });

  it.each<[string, unknown]>([
    ["nothing", ""],
    ["no JSON", "<html>"],
    ["a list", []],
    ["too few vectors", { data: [{ embedding: [1, 2] }] }],
    ["too many", { data: Array.from({ length: 3 }, () => ({ embedding: [1, 2] })) }],
    ["vectors of another model", { data: [{ embedding: [1] }, { embedding: [1] }] }],
    ["text in a vector", { data: [{ embedding: [1, "2"] }, { embedding: [1, 2] }] }],
    ["a number too large to be one", '{"data":[{"embedding":[1e999,0]},{"embedding":[1,2]}]}'],
    [
      "vectors in another order",
      {
        data: [
          { index: 1, embedding: [1, 2] },
          { index: 0, embedding: [1, 2] },
        ],
      },
    ],
    ["a key twice", '{"data":[],"data":[{"embedding":[1,2]},{"embedding":[1,2]}]}'],
  ])("that answers %s has answered nothing", async (_, value) => {
    answer = json(value);
    const failed = { ok: false, code: "output_invalid", effect: "none" };
    expect(await embedder.embed(["a", "b"], never)).toEqual(failed);
  });

  it.each([
    [302, "upstream_rejected"],
    [401, "upstream_rejected"],
    [204, "upstream_rejected"],
    [503, "upstream_error"],
  ])("that answers %i is believed, and not followed anywhere", async (status, code) => {
    let asked = 0;
    answer = (_, response) => {
      asked++;
      response.writeHead(status, { location: "/elsewhere" }).end();
    };
    const failed = { ok: false, code, status, effect: "none" };
    expect(await embedder.embed(["a"], never)).toEqual(failed);
    expect(asked).toBe(1);
  });

  it("is not read past what its vectors could fill", async () => {
    const fits = 2 * 32 + 64 * 1_024;
    const padded = (bytes: number): string => {
      const text = JSON.stringify({ data: [{ embedding: [1, 2] }], pad: "" });
      return text.replace('""', `"${"x".repeat(bytes - text.length)}"`);
    };
    answer = json(padded(fits));
    expect(await embedder.embed(["a"], never)).toMatchObject({ ok: true });
    answer = json(padded(fits + 1));
    const failed = { ok: false, code: "response_too_large", effect: "none" };
    expect(await embedder.embed(["a"], never)).toEqual(failed);
  });

  it("that says nothing is given up at the deadline, before and after its headers", async () => {
    for (const begin of [false, true]) {
      const deadline = new AbortController();
      answer = (_, response) => {
        if (begin) response.writeHead(200).write("{");
        setImmediate(() => deadline.abort());
      };
      const failed = { ok: false, code: "deadline_exceeded", effect: "none" };
      expect(await embedder.embed(["a"], { ...never, signal: deadline.signal })).toEqual(failed);
    }
  });

  it("that is not there is a refused connection", async () => {
    const closed = createServer();
    await new Promise<void>((resolve) => closed.listen(0, "127.0.0.1", resolve));
    const { port } = closed.address() as AddressInfo;
    await new Promise((resolve) => closed.close(resolve));
    const gone = embedderOf({
      ...{ kind: "endpoint", url: `http://127.0.0.1:${port}/`, model: "m", dimensions: 2 },
      token: null,
      ...plain,
    });
    const failed = { ok: false, code: "connection_refused", effect: "none" };
    expect(await gone.embed(["a"], never)).toEqual(failed);
    await gone.close();
  });
});
