import { POLICY_FILES } from "./model.ts";

export const MANIFEST_FILE = "bundle.jsonc";
export const AGENTS_FILE = "agents.jsonc";
export const TRUST_FILE = "trust.jsonc";
export const TESTS_FILE = "policies/tests.yaml";
export const policyPath = (file: string): string => `policies/${file}.cedar`;

/** Files that stand at a fixed place; tools come on top. */
export const FIXED_FILES: readonly string[] = [
  MANIFEST_FILE,
  AGENTS_FILE,
  TRUST_FILE,
  ...POLICY_FILES.map(policyPath),
  TESTS_FILE,
];

/** `tools/<id>.jsonc` → id. */
export function toolIdOf(path: string): string | undefined {
  return /^tools\/([^/]+)\.jsonc$/.exec(path)?.[1];
}

/** Part of the bundle, and so of its digest. */
export function isBundleFile(path: string): boolean {
  return FIXED_FILES.includes(path) || toolIdOf(path) !== undefined;
}

/** Notes and dot files may lie beside; they decide nothing. */
export function isIgnored(path: string): boolean {
  return path.endsWith(".md") || path.split("/").some((part) => part.startsWith("."));
}
