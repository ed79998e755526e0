import { createHash } from "node:crypto";
import { canonical, type Json } from "../../core/model/json.ts";
import { parseJsonc } from "./jsonc.ts";
import { Report } from "./mistake.ts";
import type { BundleFiles } from "./model.ts";
import { isBundleFile } from "./paths.ts";
import { SourceFile } from "./source-file.ts";

/**
 * The policy version: SHA-256, hex, of the RFC 8785 form of {path: content}, where JSONC counts as
 * what it parses to and everything else as text with LF. Comments and layout of JSONC, line ends
 * and files that are no part of a bundle do not change it. Null: a JSONC file does not parse.
 */
export function bundleDigest(files: BundleFiles): string | null {
  const content: Record<string, Json> = {};
  for (const path of Object.keys(files)) {
    if (!isBundleFile(path)) continue;
    const file = new SourceFile(path, files[path] ?? "");
    if (!path.endsWith(".jsonc")) {
      content[path] = file.text;
      continue;
    }
    const report = new Report();
    const parsed = parseJsonc(file, report);
    if (parsed === undefined || report.count > 0) return null;
    content[path] = parsed.value;
  }
  return createHash("sha256").update(canonical(content)).digest("hex");
}
