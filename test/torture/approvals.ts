import { expect } from "vitest";
import type { Outcome, Workflow } from "../acceptance/support/workflow.ts";
import type { World } from "../acceptance/support/world.ts";

/** What an agent is told of a request for approval. */
export interface Asked {
  readonly id: string;
  readonly digest: string;
  readonly kinds: readonly string[];
}

/** Changes a document of the laboratory, over REST; waits for nobody unless told to. */
export async function change(workflow: Workflow, args: object, waitSeconds = 0): Promise<Outcome> {
  const sent = { headers: { prefer: `wait=${waitSeconds}` } };
  const body = { tool: "lab_document", arguments: args };
  return (await workflow.request("POST", "/calls", body, sent)).body as Outcome;
}

export function askedBy(outcome: Outcome): Asked {
  expect(outcome).toMatchObject({ outcome: "human_approval_required" });
  return (outcome as unknown as { readonly approval: Asked }).approval;
}

/** Somebody gives a kind, with a sign-in of which `claims` may be wrong; status and what came of it. */
export async function decide(
  world: World,
  login: string,
  asked: Asked,
  kind: string,
  claims: { readonly [claim: string]: unknown } = {},
): Promise<[number, string]> {
  const nonce = `approve:${kind}:${asked.digest}`;
  const token = await world.provider.approverToken(login, nonce, claims);
  return decideWith(world, token, asked, kind);
}

export async function decideWith(
  { acme }: World,
  token: string,
  asked: Asked,
  kind: string,
): Promise<[number, string]> {
  acme.tokens.push(token);
  const body = { kind, verdict: "approve", digest: asked.digest };
  const answer = await acme.approvalsWith(token, "POST", `/${asked.id}/decision`, body);
  return [answer.status, answer.status === 200 ? "decided" : refusalOf(answer)];
}

function refusalOf({ body }: { readonly body: unknown }): string {
  const { refusal, code } = body as {
    readonly refusal?: { readonly code: string };
    readonly code: string;
  };
  return refusal?.code ?? code;
}
