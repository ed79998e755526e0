import { hasEffect, type Action } from "../../core/model/policy.ts";
import { find, type Located } from "./located.ts";
import type { Manifest } from "./manifest.ts";
import { expectKnown, type Place } from "./read.ts";

/** What a tool says of names that the manifest declares. */
export function checkNames(
  node: Located,
  values: { readonly writeDomain: string | undefined; readonly action: Action | undefined },
  manifest: Manifest,
  place: Place,
): void {
  for (const label of find(node, "labels")?.items ?? []) {
    if (label.type !== "string") continue;
    expectKnown(
      label.value as string,
      manifest.labels,
      label.offset,
      "unknown_label",
      "label",
      "labels of bundle.jsonc",
      place,
    );
  }
  if (values.writeDomain === undefined) return;
  const at = find(node, "writeDomain");
  const known = manifest.writeDomains.map((domain) => domain.id);
  expectKnown(
    values.writeDomain,
    known,
    at?.offset ?? 0,
    "unknown_write_domain",
    "write domain",
    "writeDomains of bundle.jsonc",
    place,
  );
  if (values.action !== undefined && !hasEffect(values.action)) {
    place.report.add(
      place.file,
      at?.offset ?? 0,
      "write_domain_on_read",
      `the action "${values.action}" changes nothing, so it claims no write domain`,
      'remove "writeDomain", or make the action "mutate" or "execute"',
    );
  }
}

/** What an import guessed: each is a member of this file that a person has still to confirm. */
export function checkReview(node: Located, members: readonly string[], place: Place): void {
  for (const item of find(node, "review")?.items ?? []) {
    if (item.type !== "string") continue;
    const name = item.value as string;
    expectKnown(name, members, item.offset, "wrong_value", "member", "this file", place);
  }
}
