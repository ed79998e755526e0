import type { ApprovalKind, ContainmentRule } from "../../core/model/bundle.ts";
import { TIERS } from "../../core/model/policy.ts";
import { SIGNALS } from "../../core/model/signal.ts";
import {
  MAX_APPROVAL_KINDS,
  MAX_APPROVAL_MINUTES,
  MAX_CONTAINMENT_RULES,
  MAX_CONTAINMENT_SECONDS,
  MAX_TITLE_CHARS,
} from "./limits.ts";
import { find, type Located } from "./located.ts";
import { DESTINATION_KINDS, type DestinationDescription, type WriteDomain } from "./model.ts";
import { DATA_CLASS_ID, PLAIN_ID } from "./names.ts";
import {
  dictionary,
  fields,
  flag,
  id,
  integer,
  list,
  oneOf,
  optional,
  required,
  text,
  type Place,
} from "./read.ts";
import { checkRelations, relations } from "./relations.ts";

/** What `bundle.jsonc` declares, as far as it could be read: names others may use. */
export interface Manifest {
  readonly name: string;
  /** Of tools that name no owner of their own. */
  readonly owner: string;
  readonly dataClasses: readonly string[];
  readonly labels: readonly string[];
  readonly writeDomains: readonly WriteDomain[];
  /** Ids of all; the descriptions below only of those without a mistake. */
  readonly destinationIds: readonly string[];
  readonly destinations: ReadonlyMap<string, DestinationDescription>;
  /** In the order of the file: the order in which they are spared. */
  readonly approvalKinds: readonly ApprovalKind[];
  readonly containment: readonly ContainmentRule[];
}

const titled = fields({ title: required(text(MAX_TITLE_CHARS)) });

const read = fields({
  name: required(id(PLAIN_ID)),
  owner: optional(text(MAX_TITLE_CHARS)),
  dataClasses: required(dictionary(DATA_CLASS_ID, titled)),
  destinations: required(
    dictionary(
      PLAIN_ID,
      fields({
        kind: required(oneOf(DESTINATION_KINDS)),
        network: required(id(PLAIN_ID)),
        tier: required(oneOf(TIERS)),
        relations: optional(relations),
      }),
    ),
  ),
  writeDomains: required(dictionary(PLAIN_ID, fields({ critical: required(flag) }))),
  labels: required(dictionary(PLAIN_ID, titled)),
  approvals: optional(
    dictionary(
      PLAIN_ID,
      fields({
        title: required(text(MAX_TITLE_CHARS)),
        lifeMinutes: required(integer(1, MAX_APPROVAL_MINUTES)),
        selfApproval: optional(flag),
      }),
    ),
  ),
  containment: optional(
    list(
      fields({
        id: required(id(PLAIN_ID)),
        signal: required(oneOf(SIGNALS)),
        count: required(integer(1, 1_000)),
        withinSeconds: required(integer(1, MAX_CONTAINMENT_SECONDS)),
        // oxlint-disable-next-line unicorn/no-thenable -- read as "and then"; nobody awaits a rule
        then: required(oneOf(["lock_workflow", "lock_subject", "read_only"] as const)),
      }),
    ),
  ),
});

const EMPTY_MANIFEST: Manifest = {
  name: "",
  owner: "",
  dataClasses: [],
  labels: [],
  writeDomains: [],
  destinationIds: [],
  destinations: new Map(),
  approvalKinds: [],
  containment: [],
};

export function readManifest(node: Located, place: Place): Manifest {
  const values = read(node, place);
  if (values === undefined) return EMPTY_MANIFEST;
  const destinations = new Map<string, DestinationDescription>();
  for (const [name, one] of values.destinations ?? []) {
    if (one?.kind && one.network !== undefined && one.tier) {
      const { kind, network, tier, relations: catalogue } = one;
      destinations.set(name, {
        ...{ id: name, kind, network, tier },
        ...(catalogue && { relations: catalogue }),
      });
    }
  }
  checkCounts(node, place);
  const dataClasses = [...(values.dataClasses?.keys() ?? [])].sort();
  for (const { node: one } of find(node, "destinations")?.members.values() ?? []) {
    checkRelations(one, dataClasses, place);
  }
  return {
    approvalKinds: [...(values.approvals ?? [])].map(([kind, one]) => ({
      id: kind,
      title: one?.title ?? "",
      lifeMs: (one?.lifeMinutes ?? 1) * 60_000,
      selfApproval: one?.selfApproval === true,
    })),
    containment: (values.containment ?? []).map((rule) => ({
      id: rule.id ?? "",
      signal: rule.signal ?? "canary_tool",
      count: rule.count ?? 1,
      withinMs: (rule.withinSeconds ?? 1) * 1_000,
      // oxlint-disable-next-line unicorn/no-thenable -- as above
      then: rule.then ?? "lock_workflow",
    })),
    name: values.name ?? "",
    owner: values.owner ?? values.name ?? "",
    dataClasses,
    labels: [...(values.labels?.keys() ?? [])].sort(),
    writeDomains: [...(values.writeDomains ?? [])].map(([domain, one]) => ({
      id: domain,
      critical: one?.critical === true,
    })),
    destinationIds: [...(values.destinations?.keys() ?? [])],
    destinations,
  };
}

function checkCounts(node: Located, place: Place): void {
  const kinds = find(node, "approvals");
  if ((kinds?.members.size ?? 0) > MAX_APPROVAL_KINDS) {
    place.report.add(
      place.file,
      kinds?.offset ?? node.offset,
      "approvals_too_many",
      `more than ${MAX_APPROVAL_KINDS} kinds of approval`,
      "merge some: each one costs a second evaluation of a denied call",
    );
  }
  const rules = find(node, "containment")?.items ?? [];
  if (rules.length > MAX_CONTAINMENT_RULES) {
    place.report.add(
      place.file,
      rules[MAX_CONTAINMENT_RULES]?.offset ?? node.offset,
      "containment_too_many",
      `more than ${MAX_CONTAINMENT_RULES} containment rules`,
      "remove rules of signals that another rule covers already",
    );
  }
  const seen = new Set<unknown>();
  for (const rule of rules) {
    const at = find(rule, "id");
    if (at?.type !== "string") continue;
    if (seen.has(at.value)) {
      place.report.add(
        place.file,
        at.offset,
        "duplicate_value",
        `another containment rule has the id "${String(at.value)}"`,
        "give each rule an id of its own",
      );
    }
    seen.add(at.value);
  }
}
