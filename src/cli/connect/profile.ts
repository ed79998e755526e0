import { readFileSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import {
  findNodeAtLocation,
  getNodeValue,
  parseTree,
  printParseErrorCode,
  type ParseError,
} from "jsonc-parser";
import { z } from "zod";
import { isObject, parseStrict } from "../../core/model/json.ts";
import { PosternClient, type Workflow } from "../../sdk/client.ts";
import { PosternError } from "../../sdk/error.ts";
import { isSecureUrl } from "../../sdk/fetch-json.ts";
import type { PrivateKeyJwk } from "../../sdk/sign.ts";
import { CliError, EXIT } from "../exit.ts";
import { humanToken } from "./human.ts";

const schema = z.strictObject({
  $schema: z.string().optional(),
  gateway: z.string().refine(isSecureUrl, "https, or http on this machine only"),
  tenant: z.string().min(1),
  agent: z.string().min(1),
  /** A file with the private JWK, relative to the profile. */
  agentKey: z.string().min(1),
  purpose: z.string().min(1),
  tools: z.array(z.string()).optional(),
  human: z.union([
    z.strictObject({ command: z.tuple([z.string().min(1)], z.string()) }),
    z.strictObject({ tokenFile: z.string().min(1) }),
  ]),
  /** How the same person signs in to decide approvals; read by `postern approval`. */
  approver: z.unknown().optional(),
});

export type Profile = z.infer<typeof schema>;

/** Who starts which agent for what, at which gateway. Every mistake at once, as `file:line`. */
export function readProfile(file: string): Profile {
  const text = readText(file, "profile");
  const lineOf = (offset: number): number => text.slice(0, offset).split("\n").length;
  const errors: ParseError[] = [];
  const tree = parseTree(text, errors, { allowTrailingComma: true });
  if (tree === undefined || errors.length > 0) {
    const mistakes = errors.map(
      ({ error, offset }) => `${file}:${lineOf(offset)} ${printParseErrorCode(error)}`,
    );
    throw new CliError(mistakes.join("\n") || `${file} is empty`, EXIT.usage);
  }
  const parsed = schema.safeParse(getNodeValue(tree));
  if (parsed.success) return parsed.data;
  const mistakes = parsed.error.issues.map(({ path, message }) => {
    const at = path.map((part) => (typeof part === "symbol" ? "" : part));
    return `${file}:${lineOf(findNodeAtLocation(tree, at)?.offset ?? 0)} ${at.join(".")}: ${message}`;
  });
  throw new CliError(mistakes.join("\n"), EXIT.usage);
}

/** A profile whose files were looked at, so that what is wrong with it is known at once. */
export interface LoadedProfile {
  readonly profile: Profile;
  readonly folder: string;
  readonly assertionKey: PrivateKeyJwk;
}

export function loadProfile(file: string): LoadedProfile {
  const profile = readProfile(file);
  const folder = dirname(resolve(file));
  return { profile, folder, assertionKey: readAgentKey(resolve(folder, profile.agentKey)) };
}

/** Signs the human in and opens a workflow for the agent of this profile. */
export async function openLoaded(loaded: LoadedProfile, signal: AbortSignal): Promise<Workflow> {
  const { profile, folder, assertionKey } = loaded;
  const { gateway, tenant, agent, purpose, tools, human } = profile;
  const subjectToken = await humanToken(human, folder, signal);
  try {
    return await PosternClient.open({
      gateway,
      tenant,
      agent,
      assertionKey,
      subjectToken,
      purpose,
      ...(tools !== undefined && { tools }),
    });
  } catch (error) {
    if (!(error instanceof PosternError)) throw error;
    const exitCode = error.status === null ? EXIT.unreachable : EXIT.no;
    throw new CliError(`no workflow was opened (${error.code}): ${error.message}`, exitCode);
  }
}

/** The workflow of a profile's file, for whoever needs one at once. */
export async function openProfile(
  file: string,
  signal: AbortSignal = new AbortController().signal,
): Promise<Workflow> {
  return openLoaded(loadProfile(file), signal);
}

/** Whoever can read this file can act as the agent: as strict about it as ssh is. */
function readAgentKey(file: string): PrivateKeyJwk {
  const text = readText(file, "agent key");
  if (process.platform !== "win32" && (statSync(file).mode & 0o077) !== 0) {
    throw new CliError(`others can read ${file}; run: chmod 600 ${file}`, EXIT.usage);
  }
  const parsed = parseStrict(text);
  if (!parsed.ok || !isObject(parsed.value) || typeof parsed.value["d"] !== "string") {
    throw new CliError(`${file} holds no private JWK`, EXIT.usage);
  }
  return parsed.value as unknown as PrivateKeyJwk;
}

function readText(file: string, what: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    throw new CliError(`the ${what} ${file} cannot be read`, EXIT.usage);
  }
}
