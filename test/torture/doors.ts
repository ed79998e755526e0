import { KeyObject } from "node:crypto";
import type { Answer } from "../acceptance/support/http.ts";
import { send } from "../acceptance/support/http.ts";
import type { KeyPair } from "../acceptance/support/keys.ts";
import type { Workflow } from "../acceptance/support/workflow.ts";
import type { World } from "../acceptance/support/world.ts";
import { askedBy, change } from "./approvals.ts";
import type { Genuine } from "./hostile.ts";

/** One place where tokens of one kind are shown, and what becomes of them there. */
export interface Door {
  readonly name: string;
  /** A token that is good here and was not shown yet. */
  genuine(): Promise<Genuine>;
  /** What somebody who shows this text hears. */
  show(text: string): Promise<string>;
  readonly refused: string;
  readonly accepted: string;
  /** A proof brings its key along, so somebody else's is no forgery. */
  readonly carriesKey?: boolean;
  /** Shown in a header, where not every text can stand. */
  readonly inHeader?: boolean;
}

const LAB = { purpose: "lab" } as const;
const TOKEN_TYPE = "urn:ietf:params:oauth:token-type:";

/** The gateway's doors. Call tokens are met in 16.test.ts itself. */
export const DOORS = [
  "a human assertion at the token endpoint",
  "a human assertion at /v1/workflows",
  "an agent assertion",
  "an actor token",
  "a workflow credential over REST",
  "a workflow credential over MCP",
  "a workflow credential to renew",
  "a proof at the token endpoint",
  "a proof with a credential",
  "an approver's sign-in",
  "a security event",
] as const;

/** Each of them; `refunds` asks for the approval that is decided, `lab` is whose credential is shown. */
export async function doorsOf(
  world: World,
  refunds: Workflow,
  lab: Workflow,
): Promise<readonly Door[]> {
  const { acme, agent, provider, helper } = world;
  const spare = await provider.idToken("dana");
  const signed = (key: KeyPair, make: () => Promise<string>) => async (): Promise<Genuine> =>
    genuineOf(key, await make());
  // The gateway signs its credentials with a key that it shows to nobody.
  const [{ publicJwk }] = [agent.assertionKey];
  const credential = (): Promise<Genuine> =>
    Promise.resolve({
      token: lab.credential,
      publicJwk: publicJwk as Genuine["publicJwk"],
      privateKey: null,
    });
  return [
    {
      name: "a human assertion at the token endpoint",
      genuine: signed(provider.key, () => provider.idToken("dana")),
      show: async (text) => told(await acme.exchange(agent, text, LAB)),
      refused: "400 invalid_request",
      accepted: "200",
    },
    {
      name: "a human assertion at /v1/workflows",
      genuine: signed(provider.key, () => provider.idToken("dana")),
      show: async (text) => told(await openAsJson(world, text)),
      refused: "400 invalid_request",
      accepted: "201",
    },
    {
      name: "an agent assertion",
      genuine: signed(agent.assertionKey, () => agent.assertion(acme.tokenEndpoint)),
      show: async (text) =>
        told(await acme.exchange(agent, spare, LAB, { form: { client_assertion: text } })),
      refused: "401 invalid_client",
      accepted: "200",
    },
    {
      name: "an actor token",
      genuine: signed(helper.assertionKey, () => helper.actorToken(acme.tokenEndpoint, lab.id)),
      show: async (text) => told(await acme.delegate(lab, helper, {}, { actor_token: text })),
      refused: "400 invalid_request",
      accepted: "200",
    },
    {
      name: "a workflow credential over REST",
      genuine: credential,
      show: async (text) => told(await lab.request("GET", "", undefined, { credential: text })),
      refused: "401 unauthenticated",
      accepted: "200",
      inHeader: true,
    },
    {
      name: "a workflow credential over MCP",
      genuine: credential,
      show: async (text) => told(await listTools(lab, text)),
      refused: "401 unauthenticated",
      accepted: "200",
      inHeader: true,
    },
    {
      name: "a workflow credential to renew",
      genuine: credential,
      show: async (text) =>
        told(
          await acme.exchange(agent, text, null, {
            form: { subject_token_type: `${TOKEN_TYPE}access_token` },
          }),
        ),
      refused: "400 invalid_request",
      accepted: "200",
    },
    {
      name: "a proof at the token endpoint",
      genuine: signed(agent.proofKey, () => agent.proof("POST", acme.tokenEndpoint)),
      show: async (text) => {
        const idToken = await provider.idToken("dana");
        return told(await acme.exchange(agent, idToken, LAB, { proof: text }));
      },
      refused: "400 invalid_dpop_proof",
      accepted: "200",
      carriesKey: true,
      inHeader: true,
    },
    {
      name: "a proof with a credential",
      genuine: signed(agent.proofKey, () => agent.proof("GET", lab.url, { token: lab.credential })),
      show: async (text) => told(await lab.request("GET", "", undefined, { proof: text })),
      refused: "401 unauthenticated",
      accepted: "200",
      inHeader: true,
    },
    await approverDoor(world, refunds),
    {
      name: "a security event",
      genuine: signed(provider.key, () =>
        provider.securityEvent({ iss: provider.issuer, sub: "nobody-here" }, "session-revoked"),
      ),
      show: async (text) =>
        told(
          await send(`${acme.url}/v1/events`, {
            method: "POST",
            headers: { "content-type": "application/secevent+jwt", accept: "application/json" },
            body: text,
          }),
        ),
      refused: "400",
      accepted: "202",
    },
  ];
}

async function approverDoor({ acme, provider }: World, workflow: Workflow): Promise<Door> {
  const asked = askedBy(await change(workflow, { key: "hostile", title: "x" }));
  const body = { kind: "finance", verdict: "approve", digest: asked.digest };
  return {
    name: "an approver's sign-in",
    genuine: async () => {
      const nonce = `approve:finance:${asked.digest}`;
      return genuineOf(provider.key, await provider.approverToken("erin", nonce));
    },
    show: async (text) =>
      told(await acme.approvalsWith(text, "POST", `/${asked.id}/decision`, body)),
    refused: "401 sign_in_required",
    accepted: "200",
    inHeader: true,
  };
}

function genuineOf(key: KeyPair, token: string): Genuine {
  const privateKey = KeyObject.from(key.privateKey);
  return { token, publicJwk: key.publicJwk as Genuine["publicJwk"], privateKey };
}

/** Status and code. What it is refused with must be what everybody else is refused with. */
function told({ status, body }: Answer): string {
  const { error, code } = (body ?? {}) as { readonly error?: string; readonly code?: string };
  return [status, error ?? code].filter((one) => one !== undefined).join(" ");
}

async function openAsJson({ acme, agent }: World, subjectToken: string): Promise<Answer> {
  const url = `${acme.url}/v1/workflows`;
  return send(url, {
    method: "POST",
    headers: { "content-type": "application/json", dpop: await agent.proof("POST", url) },
    body: JSON.stringify({
      subject_token: subjectToken,
      client_assertion: await agent.assertion(acme.tokenEndpoint),
      purpose: "lab",
    }),
  });
}

function listTools(workflow: Workflow, credential: string): Promise<Answer> {
  const message = { jsonrpc: "2.0", id: 1, method: "tools/list", params: {} };
  return workflow.request("POST", workflow.tenant.resource, message, {
    credential,
    headers: {
      accept: "application/json, text/event-stream",
      "mcp-protocol-version": "2025-11-25",
    },
  });
}
