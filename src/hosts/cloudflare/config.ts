import { z } from "zod";
import { TIERS } from "../../core/model/policy.ts";
import { CONNECTOR_URL_FIX, isConnectorUrl } from "../node/connector-url.ts";
import { tenantSchema } from "../node/tenant-config.ts";
import type { SessionObject } from "./session.ts";
import type { TenantObject } from "./tenant.ts";
import type { Objects } from "./platform.ts";

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

/** One connector that listens, and the way to it. */
const connector = z.strictObject({
  binding: z.string().regex(/^[A-Z][A-Z0-9_]{0,63}$/, "the name of a binding"),
  /**
   * Where it listens, if the binding reaches a whole network: the one host and port that this gateway may
   * ask there. A registered service has its own.
   */
  address: z.string().refine(isConnectorUrl, CONNECTOR_URL_FIX).optional(),
  /** What it is enrolled for, as the bundle's destinations name it. */
  network: z.string().min(1),
  tier: z.enum(TIERS),
});
export type ConnectorBinding = z.infer<typeof connector>;

const schema = z.strictObject({
  /** Without a trailing slash: the name of this gateway in every token. */
  publicUrl: z.url({ protocol: /^https?$/ }),
  tenants: tenantSchema(connector),
});
export type WorkerConfig = z.infer<typeof schema>;

/** Throws a `ZodError` where it is no configuration. */
export function readConfig(postern: unknown): WorkerConfig {
  return schema.parse(typeof postern === "string" ? JSON.parse(postern) : postern);
}

let read: WorkerConfig | null = null;

/** Checked once an isolate; throws where somebody deployed what is no configuration. */
export function configOf({ POSTERN }: Pick<Env, "POSTERN">): WorkerConfig {
  return (read ??= readConfig(POSTERN));
}
