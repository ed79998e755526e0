import { TIERS } from "../../core/model/policy.ts";
import type { Json } from "../../core/model/json.ts";
import { isSecureUrl } from "../../sdk/fetch-json.ts";
import {
  Answers,
  flag,
  idRule,
  type InitOptions,
  lineRule,
  originOf,
  originRule,
  type TextOption,
  wordsOf,
} from "./answers.ts";
import { planHttp } from "./kind-http.ts";
import { planMcp } from "./kind-mcp.ts";
import { planPostgres } from "./kind-postgres.ts";

/** What one kind of service adds to the files. */
export interface KindPlan {
  /** Of the first tool. */
  readonly tool: string;
  /** Names of environment variables that the connector reads. */
  readonly secrets: readonly string[];
  /** What only the service can say has to be asked for: the definition of this tool of it. */
  readonly serverTool: string | null;
  readonly values: Values;
}

export interface Plan extends KindPlan {
  readonly kind: Kind;
  readonly gateway: string;
  readonly network: string;
  readonly tier: string;
  /** What nobody said, and a person has to put in before anything works. */
  readonly open: readonly string[];
}

export type Values = { readonly [name: string]: Json };

/** What only one kind of service has. */
const KINDS = {
  http: { plan: planHttp, options: ["origin", "addresses", "path", "header"] },
  postgres: {
    plan: planPostgres,
    options: ["host", "addresses", "port", "database", "user", "role"],
  },
  mcp: { plan: planMcp, options: ["url", "addresses", "header", "command", "tool"] },
} as const satisfies {
  readonly [kind: string]: {
    readonly plan: (answers: Answers, service: string) => KindPlan;
    readonly options: readonly TextOption[];
  };
};
export type Kind = keyof typeof KINDS;
export const KIND_NAMES = Object.keys(KINDS) as readonly Kind[];

/** RFC 2606: nobody's, so nothing that was left as it is can sign anybody in. */
const NOBODYS_ISSUER = "https://login.example.com";
const OWN_PORT = 8_787;
const OWN_HOST = "127.0.0.1";
const PURPOSE = "first-steps";

export type ReadPlan =
  | { readonly ok: true; readonly plan: Plan }
  | { readonly ok: false; readonly problems: readonly string[] };

/** Every problem of the command line at once, or what to write. */
export function readPlan(options: InitOptions): ReadPlan {
  const answers = new Answers(options);
  const kind = readKind(answers);
  const service = answers.text("name", idRule("what you call the service"));
  const own = kind === null ? null : KINDS[kind].plan(answers, service);
  const network = answers.text("network", idRule("the network it stands in", "private"));
  const tier = answers.text("tier", {
    fits: (value) => (TIERS as readonly string[]).includes(value),
    fix: `one of ${TIERS.join(", ")}`,
    fallback: "internal",
  });
  const gateway = readGateway(answers);
  const values = {
    service,
    network,
    tier,
    gateway,
    ...listenOf(gateway),
    purpose: PURPOSE,
    tenant: answers.text("tenant", idRule("whose gateway it is", "main")),
    agent: answers.text("agent", idRule("the agent's name", "assistant")),
    group: answers.text("group", lineRule("who may start the agent", "staff")),
    issuer: answers.text("issuer", {
      fits: isSecureUrl,
      fix: "your identity provider, exactly as its tokens name it: https, or http on this machine",
      fallback: NOBODYS_ISSUER,
    }),
    audience: answers.text("audience", lineRule("Postern's client id there", "postern")),
    human: humanOf(answers),
  };
  if (own === null || kind === null || answers.problems.length > 0) {
    return { ok: false, problems: answers.problems };
  }
  const plan = { ...own, kind, gateway, network, tier, open: openOf(options) };
  return {
    ok: true,
    plan: { ...plan, values: { ...values, ...own.values, kind, tool: own.tool } },
  };
}

function readKind(answers: Answers): Kind | null {
  const known = KIND_NAMES.find((name) => name === answers.given("kind")) ?? null;
  answers.text("kind", { fits: () => known !== null, fix: `one of ${KIND_NAMES.join(", ")}` });
  if (known === null) return null;
  const own: readonly TextOption[] = KINDS[known].options;
  for (const [kind, { options }] of Object.entries(KINDS)) {
    for (const option of options) {
      const foreign = !own.includes(option) && answers.given(option) !== undefined;
      if (foreign) answers.problem(option, `goes with ${flag("kind")} ${kind}, not with ${known}`);
    }
  }
  return known;
}

function readGateway(answers: Answers): string {
  const { fits, ...rule } = originRule(
    "what agents call it, https or http on this machine",
    `http://${OWN_HOST}:${OWN_PORT}`,
  );
  return originOf(
    answers.text("gateway", { ...rule, fits: (value) => fits(value) && isSecureUrl(value) }),
  );
}

/** With https there is a proxy in front, and the gateway listens where only that reaches it. */
function listenOf(gateway: string): { readonly listenHost: string; readonly listenPort: number } {
  const url = URL.canParse(gateway) ? new URL(gateway) : null;
  if (url?.protocol !== "http:") return { listenHost: OWN_HOST, listenPort: OWN_PORT };
  return { listenHost: url.hostname.replace(/^\[|\]$/g, ""), listenPort: Number(url.port || 80) };
}

function humanOf(answers: Answers): Json {
  const command = wordsOf(answers, "signIn");
  return command === null ? { tokenFile: "id-token.txt" } : { command };
}

function openOf({ issuer, signIn, group }: InitOptions): readonly string[] {
  return [
    ...(issuer === undefined ? ["postern.jsonc: the issuer of your identity provider"] : []),
    ...(group === undefined ? ["bundle/trust.jsonc: who may start the agent"] : []),
    ...(signIn === undefined ? ["id-token.txt: a fresh ID token before each start"] : []),
  ];
}
