import { Pool } from "undici";
import type { AdminClient } from "../src/cli/admin-client.ts";
import type { WorkflowLine } from "../src/surfaces/admin/ports.ts";
import type { Opened } from "./governed.ts";
import { Proofs } from "./load.ts";

/** The connector opens no more to one service for one workflow: what is sent beyond waits. */
export const CONNECTOR_SOCKETS = 48;

export interface Calls extends AsyncDisposable {
  /** The answer, as text. */
  make(tool: string): Promise<string>;
}

/** A connection and a signed proof for each call, so that making one costs nothing else. */
export async function callsOf(
  { url, workflow, credential, proofKey }: Opened,
  count: number,
): Promise<Calls> {
  const { origin, pathname } = new URL(`${url}/v1/workflows/${workflow}/calls`);
  const pool = new Pool(origin, { connections: count, pipelining: 1 });
  const target = { method: "POST", url: origin + pathname, credential } as const;
  const proofs = await Proofs.sign(proofKey, count, target);
  return {
    async make(tool) {
      const dpop = await proofs.next();
      const { body } = await pool.request({
        path: pathname,
        method: "POST",
        headers: {
          authorization: `DPoP ${credential}`,
          "content-type": "application/json",
          dpop,
        },
        body: JSON.stringify({ tool, arguments: { noteId: "note-1" } }),
      });
      return body.text();
    },
    [Symbol.asyncDispose]: () => pool.close(),
  };
}

/** Events of a workflow. */
export async function recorded(admin: AdminClient, workflow: string): Promise<number> {
  const { body } = await admin.ask("GET", "/workflows");
  const { workflows } = body as { readonly workflows: readonly WorkflowLine[] };
  return workflows.find((one) => one.workflow === workflow)?.events ?? 0;
}
