import { z } from "zod";
import { APPROVAL_MESSAGES } from "../../core/model/outcome-message.ts";
import type { ApprovalCode } from "../../core/model/outcome.ts";
import {
  type Decider,
  decideApproval,
  listApprovals,
  showApproval,
} from "../../gateway/approve.ts";
import type { Gateway } from "../../gateway/ports.ts";
import { raiseSignal } from "../../gateway/signal.ts";
import { type ApprovalsConfig, decisionNonce, verifyApprover } from "../../identity/approver.ts";
import type { ExchangeContext } from "../../identity/admit.ts";
import { humanAssertionKid, humanPseudonym } from "../../identity/oidc.ts";
import { readJson } from "./body.ts";
import { json, problem } from "./problem.ts";

/** What deciding needs of one tenant. */
export interface ApprovalsDoor {
  readonly gateway: Gateway;
  readonly exchange: ExchangeContext;
  /** Null: this tenant's gateway has no client for it, and nothing can be decided. */
  readonly approvals: ApprovalsConfig | null;
}

export const decisionBody = z.strictObject({
  kind: z.string().min(1).max(64),
  verdict: z.enum(["approve", "reject"]),
  digest: z.string().regex(/^[0-9a-f]{64}$/),
});

/** `GET /{tenant}/v1/approvals` */
export async function list(door: ApprovalsDoor, request: Request): Promise<Response> {
  const viewer = await signedIn(door, request, null);
  if (viewer instanceof Response) return viewer;
  return json({ approvals: await listApprovals(door.gateway, door.exchange.tenant, viewer) });
}

/** `GET /{tenant}/v1/approvals/{id}`: as this very human may see it. */
export async function show(door: ApprovalsDoor, request: Request, id: string): Promise<Response> {
  const viewer = await signedIn(door, request, null);
  if (viewer instanceof Response) return viewer;
  const view = await showApproval(door.gateway, door.exchange.tenant, id, viewer);
  return view === null ? problem("not_found") : json(view);
}

/** `POST /{tenant}/v1/approvals/{id}/decision`: one kind, given or refused. */
export async function decide(door: ApprovalsDoor, request: Request, id: string): Promise<Response> {
  const body = await readJson(request);
  if (!body.ok) return problem(body.problem);
  const parsed = decisionBody.safeParse(body.value);
  if (!parsed.success) {
    const at = parsed.error.issues.map(({ path }) => `/${path.join("/")}`);
    return problem("invalid_request", { at });
  }
  const { kind, verdict, digest } = parsed.data;
  const decider = await signedIn(door, request, decisionNonce(verdict, kind, digest));
  if (decider instanceof Response) return decider;
  const { gateway, exchange } = door;
  const decided = await decideApproval(gateway, exchange.tenant, id, decider, parsed.data);
  switch (decided.kind) {
    case "decided":
      return json({ decided: verdict, complete: decided.complete });
    case "unavailable":
      return problem("unavailable");
    case "refused": {
      const { code, ruleIds } = decided;
      return problem(PROBLEM_OF[code], {
        refusal: { code, message: APPROVAL_MESSAGES[code], ruleIds },
      });
    }
  }
}

/** Where humans sign in to decide; public, like every client id. */
export function signIn(door: ApprovalsDoor): Response {
  const { approvals, exchange } = door;
  if (approvals === null) return problem("not_found");
  return json({ issuer: exchange.idp.issuer, clientId: approvals.audience });
}

const PROBLEM_OF = {
  approval_unknown: "not_found",
  approval_expired: "conflict",
  approval_over: "conflict",
  digest_mismatch: "conflict",
  kind_unknown: "conflict",
  kind_given: "conflict",
  two_kinds: "forbidden",
  self_approval: "forbidden",
  not_permitted: "forbidden",
  may_not_see: "forbidden",
  workflow_over: "conflict",
} as const satisfies { readonly [code in ApprovalCode]: "not_found" | "conflict" | "forbidden" };

const CHALLENGE = { headers: { "www-authenticate": 'Bearer realm="postern-approvals"' } };

/** A human's ID token of the approvals client. With a nonce it is spent: it decides this, once. */
async function signedIn(
  { exchange, approvals, gateway }: ApprovalsDoor,
  request: Request,
  nonce: string | null,
): Promise<Decider | Response> {
  if (approvals === null) return problem("not_found");
  const token = /^Bearer ([\w.-]+)$/i.exec(request.headers.get("authorization") ?? "")?.[1];
  if (token === undefined) return problem("sign_in_required", CHALLENGE);
  const named = humanAssertionKid(token);
  if (!named.ok) return problem("sign_in_required", CHALLENGE);
  const now = gateway.system.now();
  const ring = await exchange.idpKeys.ringFor(named.kid, now);
  if (ring === null) return problem("unavailable");
  const verified = verifyApprover(token, exchange.idp, approvals, ring, now, nonce);
  if (!verified.ok) return problem("sign_in_required", CHALLENGE);
  const { issuer, subject, groups, id, forgetAt } = verified.approver;
  if (nonce !== null && !(await exchange.spent.spend("human", exchange.tenant, id, forgetAt))) {
    // Whoever holds a bearer's token shows it: nobody is known by that.
    const raised = { signal: "token_replayed", at: null, call: null, subject: null } as const;
    await raiseSignal(gateway, exchange.tenant, raised);
    return problem("sign_in_required", CHALLENGE);
  }
  return { human: humanPseudonym(exchange.pseudonymKey, issuer, subject), groups };
}

/** For people who follow the link: the same page for every id, without a script. */
export function page(tenant: string): Response {
  const html = `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Approval wanted</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>body{font:1rem/1.5 system-ui,sans-serif;max-width:40rem;margin:4rem auto;padding:0 1rem}
code{background:#eee;color:#111;padding:.1em .3em}</style></head>
<body><main><h1>An agent asks for approval</h1>
<p>The id is the last part of this address. With the command line of Postern, tenant
<code>${tenant}</code>:</p>
<pre><code>postern approval show ID --as PROFILE
postern approval approve ID --as PROFILE
postern approval reject ID --as PROFILE</code></pre>
<p>You sign in once to see the change, and once more to decide it.</p></main></body></html>
`;
  return new Response(html, {
    headers: {
      "content-type": "text/html; charset=utf-8",
      "cache-control": "no-store",
      "content-security-policy":
        "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
      "referrer-policy": "no-referrer",
      "x-content-type-options": "nosniff",
    },
  });
}
