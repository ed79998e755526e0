import { compileWhole, type CompiledBundle } from "../node/bundles.ts";

/** Bundles of all tenants whose objects share this isolate; the longest untouched leaves. */
const MAX_COMPILED = 16;
const compiled = new Map<string, CompiledBundle>();

/** Compiled once an isolate: what lies under a digest never changes. Null: it is no bundle of ours. */
export async function compiledBundle(
  digest: string,
  files: () => Promise<Record<string, string> | null>,
): Promise<CompiledBundle | null> {
  const known = compiled.get(digest) ?? (await fresh(digest, files));
  if (known === null) return null;
  compiled.delete(digest);
  compiled.set(digest, known);
  for (const [oldest] of compiled) {
    if (compiled.size <= MAX_COMPILED) break;
    compiled.delete(oldest);
  }
  return known;
}

async function fresh(
  digest: string,
  files: () => Promise<Record<string, string> | null>,
): Promise<CompiledBundle | null> {
  const text = await files();
  const bundle = text === null ? null : compileWhole(text);
  return bundle?.source.digest === digest ? bundle : null;
}
