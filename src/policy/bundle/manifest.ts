import { TIERS } from "../../core/model/policy.ts";
import { MAX_TITLE_CHARS } from "./limits.ts";
import type { Located } from "./located.ts";
import { DESTINATION_KINDS, type DestinationDescription, type WriteDomain } from "./model.ts";
import { DATA_CLASS_ID, PLAIN_ID } from "./names.ts";
import { dictionary, fields, flag, id, oneOf, required, text, type Place } from "./read.ts";

/** What `bundle.jsonc` declares, as far as it could be read: names others may use. */
export interface Manifest {
  readonly name: string;
  readonly dataClasses: readonly string[];
  readonly labels: readonly string[];
  readonly writeDomains: readonly WriteDomain[];
  /** Ids of all; the descriptions below only of those without a mistake. */
  readonly destinationIds: readonly string[];
  readonly destinations: ReadonlyMap<string, DestinationDescription>;
}

const titled = fields({ title: required(text(MAX_TITLE_CHARS)) });

const read = fields({
  name: required(id(PLAIN_ID)),
  dataClasses: required(dictionary(DATA_CLASS_ID, titled)),
  destinations: required(
    dictionary(
      PLAIN_ID,
      fields({
        kind: required(oneOf(DESTINATION_KINDS)),
        network: required(id(PLAIN_ID)),
        tier: required(oneOf(TIERS)),
      }),
    ),
  ),
  writeDomains: required(dictionary(PLAIN_ID, fields({ critical: required(flag) }))),
  labels: required(dictionary(PLAIN_ID, titled)),
});

const EMPTY_MANIFEST: Manifest = {
  name: "",
  dataClasses: [],
  labels: [],
  writeDomains: [],
  destinationIds: [],
  destinations: new Map(),
};

export function readManifest(node: Located, place: Place): Manifest {
  const values = read(node, place);
  if (values === undefined) return EMPTY_MANIFEST;
  const destinations = new Map<string, DestinationDescription>();
  for (const [name, one] of values.destinations ?? []) {
    if (one?.kind && one.network !== undefined && one.tier) {
      destinations.set(name, { id: name, kind: one.kind, network: one.network, tier: one.tier });
    }
  }
  return {
    name: values.name ?? "",
    dataClasses: [...(values.dataClasses?.keys() ?? [])].sort(),
    labels: [...(values.labels?.keys() ?? [])].sort(),
    writeDomains: [...(values.writeDomains ?? [])].map(([domain, one]) => ({
      id: domain,
      critical: one?.critical === true,
    })),
    destinationIds: [...(values.destinations?.keys() ?? [])],
    destinations,
  };
}
