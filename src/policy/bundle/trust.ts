import type { TrustEdge } from "../../core/model/bundle.ts";
import type { Agents } from "./agents.ts";
import { MAX_LIFE_MINUTES } from "./limits.ts";
import { find, type Located } from "./located.ts";
import { PLAIN_ID } from "./names.ts";
import {
  dictionary,
  expectKnown,
  fields,
  id,
  integer,
  list,
  required,
  text,
  type Place,
} from "./read.ts";

/** Any claim name of the identity provider, also a URI. */
const CLAIM_NAME = /^[\x21-\x7e]{1,128}$/;
const ALL_TOOLS = "*";

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
}

export function readTrust(
  node: Located,
  agents: Agents,
  tools: readonly string[],
  place: Place,
): Trust {
  const values = read(node, place)?.edges ?? [];
  const nodes = find(node, "edges")?.items.filter((item) => item.type === "object") ?? [];
  const edges: TrustEdge[] = [];
  const ids = new Set<string>();
  for (const [at, value] of values.entries()) {
    const here = nodes[at];
    if (here === undefined) continue;
    checkNames(here, agents, tools, place);
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
      },
      maxLifeMs: (value.maxLifeMinutes ?? 1) * 60_000,
    });
  }
  return { ids: [...ids], purposes: [...new Set(edges.flatMap((edge) => edge.purposes))], edges };
}

function checkNames(edge: Located, agents: Agents, tools: readonly string[], place: Place): void {
  for (const agent of find(edge, "agents")?.items ?? []) {
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
