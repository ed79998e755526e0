import { dirname, resolve } from "node:path";
import { parse, type ParseError } from "jsonc-parser";
import { z } from "zod";
import { isSecureUrl } from "../sdk/fetch-json.ts";
import { type HumanSource, humanToken } from "./connect/human.ts";
import { CliError, EXIT } from "./exit.ts";
import { readText } from "./read-text.ts";

/** The same file may also be a profile for starting agents: only these members are read here. */
const schema = z.looseObject({
  gateway: z.string().refine(isSecureUrl, "https, or http on this machine only"),
  tenant: z.string().regex(/^[a-z][a-z0-9-]{0,31}$/),
  approver: z.union([
    z.strictObject({ command: z.tuple([z.string().min(1)], z.string()) }),
    z.strictObject({ tokenFile: z.string().min(1) }),
  ]),
});

/** Where one human decides, and how they sign in: with the nonce as the command's last argument. */
export interface ApproverProfile {
  readonly base: string;
  token(nonce: string, signal: AbortSignal): Promise<string>;
}

export function readApproverProfile(file: string): ApproverProfile {
  const errors: ParseError[] = [];
  const value: unknown = parse(readText(file, "profile"), errors, { allowTrailingComma: true });
  const parsed = schema.safeParse(value);
  if (errors.length > 0 || !parsed.success) {
    const issues = parsed.error?.issues ?? [];
    const mistakes = issues.map(({ path, message }) => `${file} ${path.join(".")}: ${message}`);
    throw new CliError(mistakes.join("\n") || `${file} is not JSON`, EXIT.usage);
  }
  const { gateway, tenant, approver } = parsed.data;
  const folder = dirname(resolve(file));
  return {
    base: `${gateway.replace(/\/+$/, "")}/${tenant}/v1/approvals`,
    token: (nonce, signal) => humanToken(withNonce(approver, nonce), folder, signal),
  };
}

function withNonce(source: HumanSource, nonce: string): HumanSource {
  return "command" in source ? { command: [...source.command, nonce] } : source;
}
