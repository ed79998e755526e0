import type { DelegationEdge, Limits, TrustEdge } from "../../core/model/bundle.ts";
import type { Agents } from "./agents.ts";
import { DEFAULT_MAX_LIVE, MAX_LIFE_MINUTES } from "./limits.ts";
import { find, type Located } from "./located.ts";
import { PLAIN_ID, TOOL_ID } from "./names.ts";
import {
  dictionary,
  expectKnown,
  fields,
  id,
  integer,
  list,
  optional,
  required,
  text,
  type Place,
} from "./read.ts";

/** Any claim name of the identity provider, also a URI. */
const CLAIM_NAME = /^[\x21-\x7e]{1,128}$/;
const ALL_TOOLS = "*";

/** Of a delegation. */
const BOTH_ENDS = ["from", "to"];

const furtherLimits = {
  tokens: optional(integer(1)),
  tools: optional(dictionary(TOOL_ID, integer(0))),
};

const read = fields({
  edges: required(
    list(
      fields({
        id: required(id(PLAIN_ID)),
        humans: required(dictionary(CLAIM_NAME, list(text(256), 1))),
        agents: required(list(text(64), 1)),
        purposes: required(list(id(PLAIN_ID), 1)),
        tools: required(list(text(64), 1)),
        limits: required(
          fields({
            calls: required(integer(1)),
            cost: required(integer(1)),
            runtimeMs: required(integer(1)),
            ...furtherLimits,
          }),
        ),
        maxLifeMinutes: required(integer(1, MAX_LIFE_MINUTES)),
        maxLive: optional(integer(1, 10_000)),
      }),
    ),
  ),
  delegations: optional(
    list(
      fields({
        id: required(id(PLAIN_ID)),
        from: required(list(text(64), 1)),
        to: required(list(text(64), 1)),
        tools: required(list(text(64), 1)),
        limits: optional(
          fields({
            calls: optional(integer(1)),
            cost: optional(integer(1)),
            runtimeMs: optional(integer(1)),
            ...furtherLimits,
          }),
        ),
        maxLifeMinutes: required(integer(1, MAX_LIFE_MINUTES)),
      }),
    ),
  ),
});

export interface Trust {
  readonly ids: readonly string[];
  readonly purposes: readonly string[];
  readonly edges: readonly TrustEdge[];
  readonly delegations: readonly DelegationEdge[];
}

export function readTrust(
  node: Located,
  agents: Agents,
  tools: readonly string[],
  place: Place,
): Trust {
  const file = read(node, place);
  const values = file?.edges ?? [];
  const nodes = find(node, "edges")?.items.filter((item) => item.type === "object") ?? [];
  const edges: TrustEdge[] = [];
  const ids = new Set<string>();
  for (const [at, value] of values.entries()) {
    const here = nodes[at];
    if (here === undefined) continue;
    checkNames(here, ["agents"], agents, tools, place);
    if (value.humans?.size === 0) {
      place.report.add(
        place.file,
        find(here, "humans")?.offset ?? here.offset,
        "trust_everyone",
        "without a claim, every human the identity provider knows may start this",
        'name a claim and its values, such as "groups": ["support"]',
      );
    }
    if (value.id !== undefined) {
      if (ids.has(value.id)) {
        place.report.add(
          place.file,
          find(here, "id")?.offset ?? here.offset,
          "duplicate_value",
          `another edge has the id "${value.id}"`,
          "give each edge an id of its own",
        );
      }
      ids.add(value.id);
    }
    edges.push({
      id: value.id ?? "",
      claims: Object.fromEntries(
        [...(value.humans ?? [])].map(([claim, allowed]) => [claim, allowed ?? []]),
      ),
      agents: value.agents ?? [],
      purposes: value.purposes ?? [],
      tools: value.tools ?? [],
      limits: {
        calls: value.limits?.calls ?? 1,
        cost: value.limits?.cost ?? 1,
        runtimeMs: value.limits?.runtimeMs ?? 1,
        ...further(value.limits),
      },
      maxLifeMs: (value.maxLifeMinutes ?? 1) * 60_000,
      maxLive: value.maxLive ?? DEFAULT_MAX_LIVE,
    });
  }
  const delegations = readDelegations(node, file?.delegations ?? [], agents, tools, place);
  const purposes = [...new Set(edges.flatMap((edge) => edge.purposes))];
  return { ids: [...ids], purposes, edges, delegations };
}

type File = NonNullable<ReturnType<typeof read>>;
type Further = { readonly [name in "tokens" | "tools"]?: unknown } | undefined;

/** Members that are not there stay away: a ceiling that is not written is none. */
function further(limits: Further): Pick<Limits, "tokens" | "tools"> {
  const tokens = limits?.tokens;
  const tools = limits?.tools as ReadonlyMap<string, number | undefined> | undefined;
  return {
    ...(typeof tokens === "number" && { tokens }),
    ...(tools && { tools: Object.fromEntries([...tools].map(([id, cap]) => [id, cap ?? 0])) }),
  };
}

function readDelegations(
  node: Located,
  values: NonNullable<File["delegations"]>,
  agents: Agents,
  tools: readonly string[],
  place: Place,
): readonly DelegationEdge[] {
  const nodes = find(node, "delegations")?.items.filter((item) => item.type === "object") ?? [];
  const ids = new Set<string>();
  return values.flatMap((value, at) => {
    const here = nodes[at];
    if (here === undefined) return [];
    checkNames(here, BOTH_ENDS, agents, tools, place);
    if (value.id !== undefined && ids.has(value.id)) {
      place.report.add(
        place.file,
        find(here, "id")?.offset ?? here.offset,
        "duplicate_value",
        `another delegation has the id "${value.id}"`,
        "give each delegation an id of its own",
      );
    }
    ids.add(value.id ?? "");
    const { calls, cost, runtimeMs } = value.limits ?? {};
    return {
      id: value.id ?? "",
      from: value.from ?? [],
      to: value.to ?? [],
      tools: value.tools ?? [],
      limits: {
        ...(calls !== undefined && { calls }),
        ...(cost !== undefined && { cost }),
        ...(runtimeMs !== undefined && { runtimeMs }),
        ...further(value.limits),
      },
      maxLifeMs: (value.maxLifeMinutes ?? 1) * 60_000,
    };
  });
}

function checkNames(
  edge: Located,
  members: readonly string[],
  agents: Agents,
  tools: readonly string[],
  place: Place,
): void {
  for (const tool of find(edge, "limits", "tools")?.members ?? []) {
    const [name, { keyOffset }] = tool;
    expectKnown(name, tools, keyOffset, "unknown_tool", "tool", "tools/", place);
  }
  for (const agent of members.flatMap((name) => find(edge, name)?.items ?? [])) {
    if (agent.type !== "string") continue;
    const name = agent.value as string;
    expectKnown(name, agents.ids, agent.offset, "unknown_agent", "agent", "agents.jsonc", place);
  }
  const named = find(edge, "tools")?.items ?? [];
  const star = named.find((tool) => tool.value === ALL_TOOLS);
  if (star !== undefined && named.length > 1) {
    place.report.add(
      place.file,
      star.offset,
      "trust_star_mixed",
      '"*" already stands for every tool',
      'keep either "*" or the list of tools',
    );
  }
  for (const tool of named) {
    if (tool.type !== "string" || tool.value === ALL_TOOLS) continue;
    const name = tool.value as string;
    expectKnown(name, tools, tool.offset, "unknown_tool", "tool", "tools/", place);
  }
}
