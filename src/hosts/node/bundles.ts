import type { Bundle } from "../../gateway/ports.ts";
import { checkBundle } from "../../policy/bundle/check.ts";
import { compileBundle } from "../../policy/compile.ts";
import type { Mistake } from "../../policy/bundle/mistake.ts";
import type { BundleFiles, BundleSource } from "../../policy/bundle/model.ts";
import { gatewayBundle } from "../../tools/bundle.ts";
import type { Directory } from "./directory.ts";
import { sha256 } from "./keys.ts";

/** Compiled bundles kept besides the active ones: settling and replay look back. */
export interface CompiledBundle {
  readonly source: BundleSource;
  readonly bundle: Bundle;
}

/** Null: these files are no bundle without mistakes. */
export function compileFiles(files: BundleFiles): Bundle | null {
  const checked = checkBundle(files);
  return checked.ok ? compileSource(checked.bundle).bundle : null;
}

function compileSource(source: BundleSource): CompiledBundle {
  return { source, bundle: gatewayBundle(compileBundle(source), sha256) };
}

export type Activated =
  | { readonly ok: true; readonly policyVersion: string; readonly previous: string | null }
  | { readonly ok: false; readonly mistakes: readonly Mistake[] };

/** The active bundle of each tenant, compiled once; activation is durable before it decides. */
export class ActiveBundles {
  readonly #directory: Directory;
  readonly #active = new Map<string, CompiledBundle>();

  constructor(directory: Directory, tenants: readonly string[]) {
    this.#directory = directory;
    for (const tenant of tenants) {
      const digest = directory.activeDigest(tenant);
      const files = digest === null ? null : directory.bundleFiles(tenant, digest);
      const checked = files === null ? null : checkBundle(files);
      // A stored bundle that does not check any more decides nothing: every call is refused.
      if (checked?.ok === true && checked.bundle.digest === digest) {
        this.#active.set(tenant, compileSource(checked.bundle));
      }
    }
  }

  of(tenant: string): CompiledBundle | null {
    return this.#active.get(tenant) ?? null;
  }

  async activate(tenant: string, files: BundleFiles): Promise<Activated> {
    const checked = checkBundle(files);
    if (!checked.ok) return checked;
    const policyVersion = checked.bundle.digest;
    const previous = this.#directory.activeDigest(tenant);
    if (previous !== policyVersion || !this.#active.has(tenant)) {
      const compiled = compileSource(checked.bundle);
      await this.#directory.activate(tenant, policyVersion, files);
      this.#active.set(tenant, compiled);
    }
    return { ok: true, policyVersion, previous };
  }
}
