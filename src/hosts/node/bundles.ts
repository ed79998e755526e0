import type { KeyStanding } from "../../core/model/command.ts";
import type { Evaluator } from "../../core/model/policy.ts";
import type { Bundle } from "../../gateway/ports.ts";
import { agentKeyThumbprint } from "../../policy/bundle/agents.ts";
import { checkBundle } from "../../policy/bundle/check.ts";
import { compileBundle } from "../../policy/compile.ts";
import type { Mistake } from "../../policy/bundle/mistake.ts";
import type { BundleFiles, BundleSource } from "../../policy/bundle/model.ts";
import { takenKeys } from "../../policy/bundle/taken-keys.ts";
import { gatewayBundle } from "../../tools/bundle.ts";
import type { Owner } from "./agent-keys.ts";
import type { Directory } from "./directory.ts";
import { sha256 } from "./keys.ts";

/** Compiled bundles kept besides the active ones: settling and replay look back. */
export interface CompiledBundle {
  readonly source: BundleSource;
  readonly bundle: Bundle;
  /** Whose assertion key it is, by thumbprint. */
  readonly keys: ReadonlyMap<string, string>;
}

/** Null: these files are no bundle without mistakes. */
export function compileFiles(files: BundleFiles): Bundle | null {
  return compileWhole(files)?.bundle ?? null;
}

export function compileWhole(files: BundleFiles): CompiledBundle | null {
  const checked = checkBundle(files);
  return checked.ok ? compileSource(checked.bundle) : null;
}

function compileSource(
  source: BundleSource,
  trapped: () => void = () => undefined,
): CompiledBundle {
  const keys = source.agents.flatMap(({ id, keys }) =>
    keys.map((key) => [agentKeyThumbprint(key), id] as const),
  );
  const bundle = gatewayBundle(compileBundle(source), sha256);
  const evaluator = watched(bundle.evaluator, trapped);
  return { source, bundle: { ...bundle, evaluator }, keys: new Map(keys) };
}

/** A trap leaves the engine unusable until the process starts again: somebody has to hear of it. */
function watched(evaluator: Evaluator, trapped: () => void): Evaluator {
  const ask = <T>(question: () => T): T => {
    try {
      return question();
    } catch (error) {
      trapped();
      throw error;
    }
  };
  return {
    evaluate: (question) => ask(() => evaluator.evaluate(question)),
    authorize: (question) => ask(() => evaluator.authorize(question)),
  };
}

export type Activated =
  | { readonly ok: true; readonly policyVersion: string; readonly previous: string | null }
  | { readonly ok: false; readonly mistakes: readonly Mistake[] };

/** The active bundle of each tenant, compiled once; activation is durable before it decides. */
export class ActiveBundles {
  readonly #directory: Directory;
  readonly #active = new Map<string, CompiledBundle>();
  /** Checked, and on its way to the disk. */
  readonly #coming = new Map<string, CompiledBundle>();
  readonly #trapped: (tenant: string) => void;
  readonly #told = new Set<string>();

  /** `trapped`: the engine gave no answer; told once for each tenant. */
  constructor(
    directory: Directory,
    tenants: readonly string[],
    trapped: (tenant: string) => void = () => undefined,
  ) {
    this.#directory = directory;
    this.#trapped = trapped;
    for (const tenant of tenants) {
      const digest = directory.activeDigest(tenant);
      const files = digest === null ? null : directory.bundleFiles(tenant, digest);
      const checked = files === null ? null : checkBundle(files);
      // A stored bundle that does not check any more decides nothing: every call is refused.
      if (checked?.ok === true && checked.bundle.digest === digest) {
        this.#active.set(tenant, this.#compiled(tenant, checked.bundle));
      }
    }
  }

  #compiled(tenant: string, source: BundleSource): CompiledBundle {
    return compileSource(source, () => {
      if (this.#told.has(tenant)) return;
      this.#told.add(tenant);
      this.#trapped(tenant);
    });
  }

  of(tenant: string): CompiledBundle | null {
    return this.#active.get(tenant) ?? null;
  }

  /** Whose assertion key it is now, in which tenant; more than one only while bundles change. */
  ownersOf(jkt: string): readonly Owner[] {
    return [this.#active, this.#coming].flatMap((bundles) =>
      [...bundles].flatMap(([tenant, { keys }]) => {
        const agent = keys.get(jkt);
        return agent === undefined ? [] : [{ tenant, agent }];
      }),
    );
  }

  /** `standing`: whose a key is already that an agent of this tenant would get. */
  async activate(
    tenant: string,
    files: BundleFiles,
    standing: (agent: string, jkt: string) => KeyStanding,
  ): Promise<Activated> {
    const checked = checkBundle(files);
    if (!checked.ok) return checked;
    const policyVersion = checked.bundle.digest;
    const previous = this.#directory.activeDigest(tenant);
    if (previous === policyVersion && this.#active.has(tenant)) {
      return { ok: true, policyVersion, previous };
    }
    const compiled = this.#compiled(tenant, checked.bundle);
    const taken = takenKeys(files, checked.bundle.agents, standing);
    if (taken.length > 0) return { ok: false, mistakes: taken };
    // Its keys are taken from this turn on: two tenants must not activate one key at once.
    this.#coming.set(tenant, compiled);
    try {
      await this.#directory.activate(tenant, policyVersion, files);
      this.#active.set(tenant, compiled);
    } finally {
      if (this.#coming.get(tenant) === compiled) this.#coming.delete(tenant);
    }
    return { ok: true, policyVersion, previous };
  }
}
