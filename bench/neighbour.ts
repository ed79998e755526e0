import { readFileSync } from "node:fs";
import { Client } from "undici";
import { ProofKey } from "../src/sdk/proof.ts";
import type { Opened } from "./governed.ts";

/**
 * `neighbour.ts FILE TOOL SIZE CONNECTIONS`: calls without a pause until it is stopped. Proofs are signed
 * when they are needed: this is a neighbour, and nobody measures it.
 */
const [file = "", tool = "", size = "", connections = "1"] = process.argv.slice(2);
const opened = JSON.parse(readFileSync(file, "utf8")) as Omit<Opened, "proofKey">;
const { workflow, credential, proofJwk } = opened;
const key = await ProofKey.import(proofJwk);
const url = `${opened.url}/v1/workflows/${workflow}/calls`;
const { origin, pathname } = new URL(url);
const body = JSON.stringify({ tool, arguments: { size } });

const loop = async (): Promise<void> => {
  const client = new Client(origin, { pipelining: 1 });
  for (;;) {
    const dpop = await key.prove({ method: "POST", url, credential, now: Date.now() });
    const headers = {
      authorization: `DPoP ${credential}`,
      "content-type": "application/json",
      dpop,
    };
    try {
      const answer = await client.request({ path: pathname, method: "POST", headers, body });
      await answer.body.dump();
    } catch (error) {
      // Cut off, a greedy neighbour comes again; without a gateway it has nothing to do here.
      if (error instanceof Error && "code" in error && error.code === "ECONNREFUSED")
        process.exit();
    }
  }
};
for (let at = 0; at < Number(connections); at++) void loop();
process.stdout.write(`${JSON.stringify({ event: "ready" })}\n`);
