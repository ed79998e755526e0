import { appendFileSync, cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { NodeHost } from "../acceptance/support/node-host.ts";
import { Agent } from "../acceptance/support/keys.ts";
import type { World } from "../acceptance/support/world.ts";

/** The laboratory's own, who may call on each other there. */
const THEIR_NAMES = '"support-agent", "helper-agent", "worker-agent"';
/** One rule of each class: whoever it is, for the purpose `lab`, at the laboratory. */
const RULES: { readonly [file: string]: string } = {
  network: 'action == Action::"connect", resource == Destination::"lab"',
  action: 'action == Action::"read", resource',
  data: 'action == Action::"disclose", resource == DataClass::"lab.note"',
  budget: 'action == Action::"spend", resource',
};

/** So many agents more, each of whom may give everybody a seat with everything it has itself. */
export async function crowd(
  { bundle, folder }: World,
  host: NodeHost,
  count: number,
): Promise<readonly Agent[]> {
  const agents = await Promise.all(
    Array.from({ length: count }, (_, n) => Agent.create(`crowd-${n + 1}`)),
  );
  const copy = join(folder, "crowd");
  cpSync(bundle, copy, { recursive: true });
  const edit = (file: string, change: (text: string) => string): void => {
    const path = join(copy, file);
    const before = readFileSync(path, "utf8");
    const after = change(before);
    if (after === before) throw new Error(`${file} is not what it was`);
    writeFileSync(path, after);
  };
  edit("agents.jsonc", (text) => {
    const file = JSON.parse(text) as { agents: { [id: string]: object } };
    for (const { id, assertionKey } of agents) {
      const { publicJwk, kid, alg } = assertionKey;
      file.agents[id] = { title: id, keys: [{ ...publicJwk, kid, alg }] };
    }
    return JSON.stringify(file);
  });
  const names = [THEIR_NAMES, ...agents.map(({ id }) => JSON.stringify(id))].join(", ");
  edit("trust.jsonc", (text) =>
    text
      .replace(`"from": [${THEIR_NAMES}]`, `"from": [${names}]`)
      .replace(/"to": \[[^\]]*\]/, `"to": [${names}]`)
      .replace('"tools": ["lab_note", "lab_gate", "lab_write"]', '"tools": ["*"]')
      .replace('"limits": { "calls": 20 }', '"limits": { "calls": 100000 }'),
  );
  for (const [file, scope] of Object.entries(RULES)) {
    const rule = `permit (principal is Agent, ${scope}) when { context.purpose == "lab" };`;
    appendFileSync(join(copy, `policies/${file}.cedar`), `\n@id("crowd-${file}")\n${rule}\n`);
  }
  const { code, stdout, stderr } = await host.activate("acme", copy);
  if (code !== 0) throw new Error(`the crowd was refused:\n${stdout}${stderr}`);
  return agents;
}
