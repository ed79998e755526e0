import { type Answer, send } from "./http.ts";
import type { Agent } from "./keys.ts";
import { Workflow } from "./workflow.ts";

/** Where a human's ID token comes from. */
export type SignIn = (login: string) => Promise<string>;

/** A sign-in made to decide, with the nonce that says what. */
export type ApproverSignIn = (login: string, nonce: string) => Promise<string>;

/** What is asked for when a workflow opens. */
export interface Wish {
  readonly purpose: string;
  readonly tools?: readonly string[];
  readonly limits?: {
    readonly calls?: number;
    readonly cost?: number;
    readonly runtimeMs?: number;
    readonly tokens?: number;
    readonly tools?: { readonly [tool: string]: number };
  };
  readonly lifeMs?: number;
  readonly inputs?: { readonly [name: string]: unknown };
}

/** What is asked for a seat. */
export type SeatWish = Pick<Wish, "tools" | "limits" | "lifeMs">;

const TOKEN_TYPE = "urn:ietf:params:oauth:token-type:";

/** The parts of an exchange that a test replaces to see it refused; null leaves a part out. */
export interface Tampering {
  readonly form?: { readonly [parameter: string]: string | null };
  readonly proof?: string | null;
  /** What the proof is made for, where it is not what is sent. */
  readonly proofFor?: { readonly method?: string; readonly url?: string };
}

export interface OAuthRefusal {
  readonly error: string;
  readonly error_description?: string;
  readonly outcome?: unknown;
}

/** One tenant, as an agent and a human from outside see it. */
export class Tenant {
  readonly name: string;
  readonly url: string;
  readonly signIn: SignIn;
  readonly #approver: ApproverSignIn;
  /** Every token that was ever sent or received here: none may appear in any sink. */
  readonly tokens: string[] = [];

  constructor(gatewayUrl: string, name: string, signIn: SignIn, approver: ApproverSignIn) {
    this.#approver = approver;
    this.name = name;
    this.url = `${gatewayUrl}/${name}`;
    this.signIn = signIn;
  }

  async approverToken(login: string, nonce: string): Promise<string> {
    const token = await this.#approver(login, nonce);
    this.tokens.push(token);
    return token;
  }

  /** A request of a human who decides, or looks. */
  async approvals(
    login: string,
    method: "GET" | "POST",
    path: string,
    nonce: string,
    body?: object,
  ): Promise<Answer> {
    const token = await this.approverToken(login, nonce);
    return this.approvalsWith(token, method, path, body);
  }

  approvalsWith(
    token: string,
    method: "GET" | "POST",
    path: string,
    body?: object,
  ): Promise<Answer> {
    return send(`${this.url}/v1/approvals${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      ...(body && { body: JSON.stringify(body) }),
    });
  }

  /** Gives, or refuses, one kind of a request, as it was shown to its agent. */
  async decide(
    login: string,
    { id, digest }: { readonly id: string; readonly digest: string },
    kind: string,
    verdict: "approve" | "reject" = "approve",
  ): Promise<Answer> {
    const nonce = `${verdict}:${kind}:${digest}`;
    return this.approvals(login, "POST", `/${id}/decision`, nonce, { kind, verdict, digest });
  }

  get tokenEndpoint(): string {
    return `${this.url}/oauth/token`;
  }

  get resource(): string {
    return `${this.url}/mcp`;
  }

  /** RFC 8693, exactly as given: no retry, no repair. */
  async exchange(
    agent: Agent,
    subjectToken: string,
    wish: Wish | null,
    tampering: Tampering = {},
    nonce?: string,
  ): Promise<Answer> {
    const { method = "POST", url = this.tokenEndpoint } = tampering.proofFor ?? {};
    const proof =
      tampering.proof === undefined ? await agent.proof(method, url, { nonce }) : tampering.proof;
    const form: { [parameter: string]: string | null } = {
      grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
      subject_token: subjectToken,
      subject_token_type: "urn:ietf:params:oauth:token-type:id_token",
      client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
      client_assertion: await agent.assertion(this.tokenEndpoint),
      resource: this.resource,
      ...(wish !== null && {
        authorization_details: JSON.stringify([{ type: "dev.postern/workflow", ...wish }]),
      }),
      ...tampering.form,
    };
    const present = Object.entries(form).filter(
      (entry): entry is [string, string] => entry[1] !== null,
    );
    this.tokens.push(subjectToken, form["client_assertion"] ?? "", proof ?? "");
    const answer = await send(this.tokenEndpoint, {
      method: "POST",
      headers: { ...(proof !== null && { dpop: proof }) },
      body: new URLSearchParams(present),
    });
    const token = (answer.body as { access_token?: string } | undefined)?.access_token;
    if (token !== undefined) this.tokens.push(token);
    return answer;
  }

  /** The same, asking again with the nonce as RFC 9449 §8 wants it. */
  async redeem(agent: Agent, subjectToken: string, wish: Wish): Promise<Answer> {
    const answer = await this.exchange(agent, subjectToken, wish);
    const nonce = answer.headers.get("dpop-nonce");
    return nonce === null ? answer : this.exchange(agent, subjectToken, wish, {}, nonce);
  }

  /** An agent of this workflow gives another one a seat in it. */
  async delegate(
    workflow: Workflow,
    taker: Agent,
    ask: SeatWish = {},
    form: { readonly [parameter: string]: string | null } = {},
  ): Promise<Answer> {
    const given = {
      subject_token_type: `${TOKEN_TYPE}access_token`,
      actor_token: await taker.actorToken(this.tokenEndpoint, workflow.id),
      actor_token_type: `${TOKEN_TYPE}jwt`,
      authorization_details: JSON.stringify([{ type: "dev.postern/seat", ...ask }]),
      ...form,
    };
    return this.exchange(workflow.agent, workflow.credential, null, { form: given });
  }

  /** A seat, in the hands of the agent that took it. */
  async seat(workflow: Workflow, taker: Agent, ask: SeatWish = {}): Promise<Workflow> {
    const answer = await this.delegate(workflow, taker, ask);
    if (answer.status !== 200) throw new Error(`no seat: ${answer.status} ${answer.text}`);
    return Workflow.from(this, taker, answer);
  }

  /** A tool that is an agent exchanges the call token it was sent. */
  exchangeCall(agent: Agent, callToken: string, ask: SeatWish = {}): Promise<Answer> {
    return this.exchange(agent, callToken, null, {
      form: {
        subject_token_type: `${TOKEN_TYPE}txn_token`,
        authorization_details: JSON.stringify([{ type: "dev.postern/seat", ...ask }]),
      },
    });
  }

  /** A human signs in and starts the agent. */
  async open(agent: Agent, login: string, wish: Wish): Promise<Workflow> {
    const answer = await this.redeem(agent, await this.signIn(login), wish);
    if (answer.status !== 200) throw new Error(`no workflow: ${answer.status} ${answer.text}`);
    return Workflow.from(this, agent, answer);
  }
}
