import { describe, expect, it } from "vitest";
import {
  Applicant,
  type OpenOptions,
  PosternClient,
  PosternError,
  type Workflow,
} from "../sdk/index.ts";
import type { PrivateKeyJwk } from "../sdk/index.ts";
import { admitOpen, admitRenew } from "./admit.ts";
import { admitDelegate } from "./admit-seat.ts";
import { challengeFor } from "./challenge.ts";
import { mintCredential, type Caller } from "./credential.ts";
import { parseTokenForm } from "./exchange.ts";
import { resourceOf, tokenEndpointOf } from "./metadata.ts";
import { authenticateRequest } from "./request.ts";
import {
  exchangeContext,
  humanToken,
  NOW,
  opsKey,
  place,
  signingKey,
  supportKey,
} from "./testing.ts";
import { toOAuthError, type ExchangeFault } from "./wire.ts";

/** The SDK's client against identity itself; only HTTP and the workflow behind it are made up. */
class Gateway {
  now = NOW;
  readonly context;
  readonly requests: string[] = [];
  checkpoint: unknown = undefined;
  readonly usage: unknown[] = [];
  /** Body and preference of each call. */
  readonly calls: (readonly [string, string | null])[] = [];
  ends = NOW + 3_600_000;
  answer: () => Response = () =>
    Response.json({ outcome: "ok", call: "call_1", result: { kind: "json", value: 7 } });

  constructor(startedAt = NOW - 60_000) {
    this.context = exchangeContext(startedAt);
  }

  readonly fetch = async (
    input: string | URL | Request,
    init: RequestInit = {},
  ): Promise<Response> => {
    const url = new URL(input instanceof Request ? input.url : input);
    const method = init.method ?? "GET";
    const headers = new Headers(init.headers);
    this.requests.push(`${method} ${url.pathname}`);
    if (url.pathname === "/acme/oauth/token")
      return this.#token(String(init.body), headers.get("dpop"));
    const { proofs, credentials } = this.context;
    const result = authenticateRequest(
      {
        method,
        url: `${place.publicUrl}${url.pathname}`,
        authorization: headers.get("authorization"),
        proof: headers.get("dpop"),
      },
      credentials,
      proofs,
      this.now,
    );
    if (!result.ok) {
      const challenge = challengeFor(result.fault, {
        metadataUrl: "https://m",
        nonce: proofs.nonce,
      });
      return Response.json({ code: "unauthenticated" }, challenge);
    }
    if (url.pathname.endsWith("/usage")) {
      this.usage.push(JSON.parse(String(init.body)));
      return Response.json({ seq: 1 });
    }
    if (url.pathname.endsWith("/checkpoint")) {
      if (method === "PUT") this.checkpoint = JSON.parse(String(init.body));
      else if (this.checkpoint === undefined)
        return Response.json({ code: "not_found" }, { status: 404 });
      return Response.json({ seq: 1, value: this.checkpoint });
    }
    this.calls.push([String(init.body), headers.get("prefer")]);
    return this.answer();
  };

  async #token(body: string, proof: string | null): Promise<Response> {
    const http = { method: "POST", url: tokenEndpointOf(place), proof };
    const parsed = parseTokenForm(body, resourceOf(place), null);
    if (!parsed.ok) return this.#refuse({ of: "form", fault: parsed.fault });
    if (parsed.exchange.kind === "renew") {
      const admitted = await admitRenew(parsed.exchange, http, this.context, this.now);
      return admitted.ok ? this.#grant(admitted.caller) : this.#refuse(admitted.fault);
    }
    if (parsed.exchange.kind === "delegate") {
      const admitted = await admitDelegate(parsed.exchange, http, this.context, this.now);
      if (!admitted.ok) return this.#refuse(admitted.fault);
      const { giver, taker } = admitted;
      return this.#grant({ ...giver, ...taker, seat: "seat_2" });
    }
    if (parsed.exchange.kind === "call") return Response.json({}, { status: 400 });
    const admitted = await admitOpen(parsed.exchange, http, this.context, this.now);
    if (!admitted.ok) return this.#refuse(admitted.fault);
    const { human, agent, jkt } = admitted.opener;
    return this.#grant({ tenant: "acme", workflow: "wf_1", seat: "seat_1", human, agent, jkt });
  }

  #grant(caller: Caller): Response {
    const grant = { ...caller, jti: "j", now: this.now, seatExpiresAt: this.ends };
    const minted = mintCredential(grant, this.context.credentials, signingKey);
    return Response.json({
      access_token: minted?.token,
      token_type: "DPoP",
      expires_in: minted?.expiresIn,
      authorization_details: [
        {
          type: "dev.postern/workflow",
          workflow: caller.workflow,
          seat: caller.seat,
          tools: ["customers_find"],
          expiresAt: new Date(this.ends).toISOString(),
        },
      ],
    });
  }

  #refuse(fault: ExchangeFault): Response {
    const { status, ...body } = toOAuthError(fault);
    return Response.json(body, { status, headers: { "dpop-nonce": this.context.proofs.nonce } });
  }
}

function options(gateway: Gateway): OpenOptions {
  return {
    gateway: "https://postern.example/",
    tenant: "acme",
    agent: "support-agent",
    assertionKey: supportKey.privateJwk as unknown as PrivateKeyJwk,
    subjectToken: humanToken(),
    purpose: "support-case",
    limits: { calls: 5 },
    fetch: gateway.fetch,
    now: () => gateway.now,
  };
}

const open = (gateway: Gateway): Promise<Workflow> => PosternClient.open(options(gateway));

describe("the SDK's client", () => {
  it("opens a workflow and makes calls, each with a proof of its own", async () => {
    const gateway = new Gateway();
    const workflow = await open(gateway);
    expect(workflow).toMatchObject({
      id: "wf_1",
      seat: "seat_1",
      tools: ["customers_find"],
      expiresAt: NOW + 3_600_000,
      mcpUrl: "https://postern.example/acme/mcp",
    });
    const outcomes = await Promise.all(
      [1, 2, 3].map(() => workflow.call("customers_find", { id: 1 })),
    );
    expect(outcomes.map(({ outcome }) => outcome)).toEqual(["ok", "ok", "ok"]);
    expect(gateway.requests).toEqual([
      "POST /acme/oauth/token",
      ...Array.from({ length: 3 }, () => "POST /acme/v1/workflows/wf_1/calls"),
    ]);
  });

  it("gives a denial as a value", async () => {
    const gateway = new Gateway();
    gateway.answer = () => Response.json({ outcome: "policy_denied", call: "call_1", reason: {} });
    expect(await (await open(gateway)).call("payroll_read")).toMatchObject({
      outcome: "policy_denied",
    });
  });

  it("goes on after the gateway restarts, naming the nonce it is asked for", async () => {
    const gateway = new Gateway(NOW + 200);
    gateway.now = NOW + 900;
    const workflow = await open(gateway);
    expect(await workflow.call("customers_find")).toMatchObject({ outcome: "ok" });
    expect(gateway.requests).toEqual([
      "POST /acme/oauth/token",
      "POST /acme/oauth/token",
      "POST /acme/v1/workflows/wf_1/calls",
    ]);
  });

  it("sends a request twice at most", async () => {
    const gateway = new Gateway();
    const workflow = await open(gateway);
    let nonce = 0;
    gateway.answer = () =>
      Response.json(
        {},
        {
          status: 401,
          headers: {
            "www-authenticate": 'DPoP error="use_dpop_nonce"',
            "dpop-nonce": `n-${nonce++}`,
          },
        },
      );
    await expect(workflow.call("customers_find")).rejects.toMatchObject({ status: 401 });
    expect(nonce).toBeLessThanOrEqual(2);
  });

  it("renews a credential before it ends, once for many calls, and stops at the end of the workflow", async () => {
    const gateway = new Gateway();
    const workflow = await open(gateway);
    gateway.now = NOW + 850_000;
    await Promise.all([1, 2, 3].map(() => workflow.call("customers_find")));
    const renewals = () =>
      gateway.requests.filter((one) => one.endsWith("/oauth/token")).length - 1;
    expect(renewals()).toBe(1);
    gateway.now = gateway.ends - 600_000;
    await workflow.renew();
    expect(renewals()).toBe(2);
    gateway.now = gateway.ends - 1_000;
    await workflow.call("customers_find");
    expect(renewals()).toBe(2);
  });

  it.each(["call", "undo"] as const)(
    "waits for humans by sending the identical %s again, while there is something to wait for",
    async (verb) => {
      const gateway = new Gateway();
      const workflow = await open(gateway);
      const ask = (untilDecided: boolean): Promise<unknown> =>
        verb === "call"
          ? workflow.call("refund", { id: 7 }, { untilDecided })
          : workflow.undo("call_0", { untilDecided });
      const ok = { outcome: "ok", call: "call_2", result: { kind: "json", value: 7 } };
      const asked = (): object => {
        const approval = { id: "apr_1", expiresAt: new Date(NOW + 60_000).toISOString() };
        return { outcome: "human_approval_required", call: "call_1", approval };
      };
      const answers: object[] = [];
      gateway.answer = () => Response.json(answers.shift());

      answers.push(asked());
      expect(await ask(false)).toMatchObject({ outcome: "human_approval_required" });
      answers.push(asked(), asked(), ok);
      expect(await ask(true)).toEqual(ok);
      expect(gateway.calls.map(([, prefer]) => prefer)).toEqual(["wait=0", null, null, null]);
      expect(new Set(gateway.calls.map(([body]) => body)).size).toBe(1);

      answers.push(asked(), asked());
      gateway.now = NOW + 60_000;
      expect(await ask(true)).toMatchObject({ outcome: "human_approval_required" });
      expect(answers).toHaveLength(1);
    },
  );

  it("gives another agent a seat, of which only that agent can make use", async () => {
    const gateway = new Gateway();
    const workflow = await open(gateway);
    const { subjectToken: _, purpose: _purpose, ...connection } = options(gateway);
    const applicant = await Applicant.create(
      {
        ...connection,
        agent: "ops-agent",
        assertionKey: opsKey.privateJwk as unknown as PrivateKeyJwk,
      },
      workflow.id,
    );
    const grant = await workflow.delegate(await applicant.actorToken(), { limits: { calls: 2 } });
    const seat = applicant.take(JSON.parse(JSON.stringify(grant)) as typeof grant);
    expect(seat).toMatchObject({ id: "wf_1", seat: "seat_2" });
    expect(await seat.call("customers_find")).toMatchObject({ outcome: "ok" });
    // The giver has read the grant, and has the wrong key for it.
    const stolen = await PosternClient.resume(connection, {
      ...grant,
      ...{ proofKey: (await workflow.save()).proofKey, credentialEndsAt: NOW + 900_000 },
    });
    await expect(stolen.call("customers_find")).rejects.toMatchObject({ status: 401 });
    expect(() => applicant.take({ ...grant, workflow: "wf_2" })).toThrow(TypeError);
  });

  it("keeps the agent's own state", async () => {
    const workflow = await open(new Gateway());
    expect(await workflow.checkpoint.get()).toBeNull();
    await workflow.checkpoint.put({ step: 3 });
    expect(await workflow.checkpoint.get()).toEqual({ step: 3 });
  });

  it("reports what its models used", async () => {
    const gateway = new Gateway();
    await (await open(gateway)).reportUsage(1_234);
    expect(gateway.usage).toEqual([{ tokens: 1_234 }]);
  });

  it("resumes from what it saved, after a crash", async () => {
    const gateway = new Gateway();
    const saved = JSON.parse(JSON.stringify(await (await open(gateway)).save())) as Awaited<
      ReturnType<Workflow["save"]>
    >;
    const resumed = await PosternClient.resume(options(gateway), saved);
    expect(resumed.id).toBe("wf_1");
    expect(await resumed.call("customers_find")).toMatchObject({ outcome: "ok" });
  });

  it("authorizes requests of other clients, and only to its own gateway", async () => {
    const gateway = new Gateway();
    const workflow = await open(gateway);
    const headers = await workflow.authorize(workflow.mcpUrl, "POST");
    expect(Object.keys(headers)).toEqual(["authorization", "dpop"]);
    expect((await gateway.fetch(workflow.mcpUrl, { method: "POST", headers })).status).toBe(200);
    expect((await gateway.fetch(workflow.mcpUrl, { method: "POST", headers })).status).toBe(401);
    expect((await workflow.fetch(workflow.mcpUrl, { method: "POST", body: "{}" })).status).toBe(
      200,
    );
    await expect(workflow.fetch("https://evil.example/mcp")).rejects.toThrow(TypeError);
  });

  it("says what was refused, with a code", async () => {
    const gateway = new Gateway();
    const again = options(gateway);
    await PosternClient.open(again);
    const refused = PosternClient.open(again);
    await expect(refused).rejects.toBeInstanceOf(PosternError);
    await expect(refused).rejects.toMatchObject({ code: "invalid_request", status: 400 });
    const down = { ...options(gateway), fetch: () => Promise.reject(new Error("ECONNREFUSED")) };
    await expect(PosternClient.open(down)).rejects.toMatchObject({
      code: "unreachable",
      status: null,
    });
  });

  it("keeps tokens out of its errors", async () => {
    const gateway = new Gateway();
    const again = options(gateway);
    await PosternClient.open(again);
    const error: unknown = await PosternClient.open(again).catch((reason: unknown) => reason);
    const text =
      JSON.stringify(error) + String(error) + (error instanceof Error ? error.stack : "");
    expect(text).not.toContain(again.subjectToken.split(".")[1]);
  });
});
