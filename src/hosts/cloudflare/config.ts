import { z } from "zod";
import { tenantSchema } from "../node/tenant-config.ts";
import type { SessionObject } from "./session.ts";
import type { TenantObject } from "./tenant.ts";
import type { Fetcher, Objects } from "./platform.ts";

/** What the Worker is bound to: wrangler.jsonc. */
export interface Env {
  readonly TENANT: Objects<TenantObject>;
  readonly SESSION: Objects<SessionObject>;
  /** The one `postern` variable: JSON, as text or as the platform gives it. */
  readonly POSTERN: unknown;
  /** 32 bytes, base64: a secret of the Worker, which wraps all keys at rest. */
  readonly POSTERN_WRAPPING_KEY: string;
  /** Bindings into private networks, by the names that the configuration uses. */
  readonly [binding: string]: unknown;
}

const schema = z.strictObject({
  /** Without a trailing slash: the name of this gateway in every token. */
  publicUrl: z.url({ protocol: /^https?$/ }),
  tenants: tenantSchema(z.string().regex(/^[A-Z][A-Z0-9_]{0,63}$/, "the name of a binding")),
});
export type WorkerConfig = z.infer<typeof schema>;

let read: WorkerConfig | null = null;

/** Checked once an isolate; throws where somebody deployed what is no configuration. */
export function configOf({ POSTERN }: Pick<Env, "POSTERN">): WorkerConfig {
  read ??= schema.parse(typeof POSTERN === "string" ? JSON.parse(POSTERN) : POSTERN);
  return read;
}

/** Null: nothing of this name is bound, or it is no way into a network. */
export function networkOf(env: Env, name: string): Fetcher | null {
  const binding = env[name] as Partial<Fetcher> | undefined;
  return typeof binding?.fetch === "function" ? (binding as Fetcher) : null;
}
