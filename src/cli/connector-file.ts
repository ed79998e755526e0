import { findNodeAtLocation, getNodeValue, type Node, parseTree } from "jsonc-parser";
import type { DestinationDescription } from "../policy/bundle/model.ts";

/** What a connector file says against a bundle. Codes are stable. */
export const CONNECTOR_MISTAKES = [
  "connector_unreadable",
  /** Nothing of the bundle stands in its network and tier: it would serve nobody. */
  "connector_other_place",
  "connector_other_tier",
  "connector_other_kind",
  "destination_unserved",
] as const;

export interface ConnectorMistake {
  readonly code: (typeof CONNECTOR_MISTAKES)[number];
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly message: string;
  readonly fix: string;
}

/**
 * A connector serves one network and one tier; the bundle says of each destination which. A gateway never
 * asks another connector for it, so what is listed elsewhere is never reached, or reached by mistake
 * as soon as somebody changes the bundle.
 */
export function checkConnectors(
  destinations: readonly DestinationDescription[],
  files: ReadonlyMap<string, string>,
): readonly ConnectorMistake[] {
  const mistakes: ConnectorMistake[] = [];
  const served = new Set<string>();
  for (const [file, text] of files) mistakes.push(...checkOne(file, text, destinations, served));
  for (const { id, network, tier } of destinations) {
    if (served.has(id)) continue;
    mistakes.push({
      ...{ code: "destination_unserved", file: "bundle.jsonc", line: 1, column: 1 },
      message: `no connector file lists ${id}, of network ${network} and tier ${tier}`,
      fix: "list it in the file of that connector, or give all files with --connector",
    });
  }
  return mistakes;
}

function checkOne(
  file: string,
  text: string,
  destinations: readonly DestinationDescription[],
  served: Set<string>,
): readonly ConnectorMistake[] {
  const root = parseTree(text, [], { allowTrailingComma: true });
  const at = (node: Node | undefined): { file: string; line: number; column: number } => {
    const before = text.slice(0, node?.offset ?? 0).split("\n");
    return { file, line: before.length, column: (before.at(-1)?.length ?? 0) + 1 };
  };
  const { network, tier, destinations: listed } = valueOf(root);
  if (typeof network !== "string" || typeof tier !== "string" || !isRecord(listed)) {
    const fix = "postern connector run says what it lacks";
    return [{ code: "connector_unreadable", ...at(root), message: "is no connector file", fix }];
  }
  const mistakes: ConnectorMistake[] = [];
  const here = destinations.filter((one) => one.network === network && one.tier === tier);
  if (here.length === 0) {
    mistakes.push({
      ...{ code: "connector_other_place", ...at(root && findNodeAtLocation(root, ["tier"])) },
      message: `the bundle has nothing in network ${network} and tier ${tier}`,
      fix: "name the network and tier of its destinations in bundle.jsonc",
    });
  }
  for (const [id, value] of Object.entries(listed)) {
    const known = destinations.find((one) => one.id === id);
    const place = at(root && findNodeAtLocation(root, ["destinations", id]));
    const kind = isRecord(value) ? value["kind"] : undefined;
    if (known === undefined) continue;
    if (known.network !== network || known.tier !== tier) {
      mistakes.push({
        ...{ code: "connector_other_tier", ...place },
        message: `the bundle has ${id} in network ${known.network} and tier ${known.tier}, this connector serves ${network} and ${tier}`,
        fix: "serve it by a connector of its own network and tier: tiers share no process",
      });
      continue;
    }
    served.add(id);
    if (kind !== known.kind) {
      mistakes.push({
        ...{ code: "connector_other_kind", ...place },
        message: `the bundle has ${id} as ${known.kind}`,
        fix: `write "kind": "${known.kind}", or change the bundle`,
      });
    }
  }
  return mistakes;
}

function valueOf(root: Node | undefined): { readonly [name: string]: unknown } {
  const value: unknown = root === undefined ? undefined : getNodeValue(root);
  return isRecord(value) ? value : {};
}

function isRecord(value: unknown): value is { readonly [name: string]: unknown } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
