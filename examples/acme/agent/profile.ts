import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { PosternClient, type PrivateKeyJwk, type Workflow } from "../../../src/sdk/index.ts";

interface Profile {
  readonly gateway: string;
  readonly tenant: string;
  readonly agent: string;
  readonly agentKey: string;
  readonly purpose: string;
  readonly human: { readonly command: readonly string[] };
}

/** Opens a workflow as a profile says: its human signs in, its agent's key answers for the agent. */
export async function openProfile(
  file: string,
): Promise<{ readonly workflow: Workflow; readonly gateway: string; readonly tenant: string }> {
  const profile = JSON.parse(readFileSync(file, "utf8")) as Profile;
  const { gateway, tenant, agent, purpose } = profile;
  const [program = "", ...args] = profile.human.command;
  const workflow = await PosternClient.open({
    ...{ gateway, tenant, agent, purpose },
    assertionKey: JSON.parse(readFileSync(profile.agentKey, "utf8")) as PrivateKeyJwk,
    subjectToken: execFileSync(program, args, { encoding: "utf8" }).trim(),
  });
  return { workflow, gateway, tenant };
}
