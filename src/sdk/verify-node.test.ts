import { createServer, request as httpRequest } from "node:http";
import type { AddressInfo } from "node:net";
import { beforeEach, describe, expect, it } from "vitest";
import { BODY, codeOf, freshOptions, token } from "./testing-call.ts";
import { verifyCall, type VerifyOptions } from "./verify.ts";

let options: VerifyOptions;
beforeEach(() => {
  options = freshOptions();
});

describe("verifyCall behind node:http", () => {
  async function send(
    headers: readonly string[],
    target = "/tickets/7?urgent=yes",
    over: Partial<VerifyOptions> = {},
  ): Promise<string> {
    const server = createServer((request, response) => {
      void verifyCall(request, { ...options, ...over }).then((result) => {
        response.writeHead(result.ok ? 200 : result.status).end(codeOf(result));
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    try {
      const { port } = server.address() as AddressInfo;
      return await new Promise((resolve, reject) => {
        const all = ["host", "t", ...headers];
        const outgoing = httpRequest(
          { port, host: "127.0.0.1", method: "POST", path: target, headers: all, agent: false },
          (response) => {
            let text = "";
            response.on("data", (chunk: Buffer) => (text += chunk.toString()));
            response.on("end", () => resolve(text));
          },
        );
        outgoing.on("error", reject);
        outgoing.end(BODY);
      });
    } finally {
      server.closeAllConnections();
      server.close();
    }
  }

  it("reads the target exactly as it was sent", async () => {
    const length = ["content-length", `${BODY.length}`];
    expect(await send(["Txn-Token", token(), ...length])).toBe("ok");
    expect(
      await send(["Txn-Token", token({ txn: "b" }), ...length], "/tickets/./7?urgent=yes"),
    ).toBe("operation_mismatch");
    expect(
      await send(["Txn-Token", token({ txn: "b" }), ...length], "http://evil/tickets/7?urgent=yes"),
    ).toBe("target_invalid");
  });

  it("sees a second token that node's own header object would hide or join", async () => {
    const length = ["content-length", `${BODY.length}`];
    expect(await send(["Txn-Token", token(), "txn-token", token(), ...length])).toBe(
      "token_repeated",
    );
    expect(await send(length)).toBe("token_missing");
  });

  it("can still answer when the body is past the cap", async () => {
    const length = ["content-length", `${BODY.length}`];
    expect(await send(["Txn-Token", token(), ...length], undefined, { maxBodyBytes: 3 })).toBe(
      "body_too_large",
    );
  });
});
