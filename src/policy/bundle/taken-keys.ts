import type { KeyStanding } from "../../core/model/command.ts";
import { agentKeyThumbprint } from "./agents.ts";
import { type Mistake, Report } from "./mistake.ts";
import type { AgentDescription, BundleFiles } from "./model.ts";
import { AGENTS_FILE } from "./paths.ts";
import { SourceFile } from "./source-file.ts";

/**
 * Keys of this bundle that another agent or another tenant has already. Which, only a gateway knows,
 * so this is looked at when a bundle is activated. Whose a key is, is not said (P7).
 */
export function takenKeys(
  files: BundleFiles,
  agents: readonly AgentDescription[],
  standing: (agent: string, jkt: string) => KeyStanding,
): readonly Mistake[] {
  const file = new SourceFile(AGENTS_FILE, files[AGENTS_FILE] ?? "");
  const report = new Report();
  for (const { id, keys } of agents) {
    for (const key of keys) {
      const found = standing(id, agentKeyThumbprint(key));
      if (found === "own") continue;
      const whose = found === "other_tenant" ? "another tenant" : "another agent of this tenant";
      report.add(
        file,
        // The coordinate is the key: it stands once in a bundle without shared keys.
        Math.max(0, file.text.indexOf(key.x)),
        "jwk_taken",
        `the key "${key.kid}" of "${id}" belongs to ${whose}`,
        "make a key pair for each agent of each tenant",
      );
    }
  }
  return report.sorted();
}
