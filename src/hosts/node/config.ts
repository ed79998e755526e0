import { dirname, join, resolve } from "node:path";
import {
  type ParseError,
  parseTree,
  printParseErrorCode,
  findNodeAtLocation,
  getNodeValue,
} from "jsonc-parser";
import { z } from "zod";
import { type ListeningAt, listeningAt, listeningSchema } from "./config-connectors.ts";
import { tenantSchema } from "./tenant-config.ts";
import type { WrappingSource } from "./wrapping.ts";

/** In the data folder; the local CLI speaks to the gateway over it. */
export const ADMIN_SOCKET = "admin.sock";
/** sun_path of Linux without its final zero. */
const MAX_SOCKET_PATH_BYTES = 107;

export const gatewaySchema = z.strictObject({
  $schema: z.string().optional(),
  listen: z.strictObject({
    host: z.string(),
    port: z.int().min(0).max(65_535),
    tls: z.strictObject({ cert: z.string().min(1), key: z.string().min(1) }).optional(),
  }),
  publicUrl: z.url({ protocol: /^https?$/ }).optional(),
  dataDir: z.string().min(1),
  wrappingKey: z
    .union([
      z.strictObject({ env: z.string().min(1) }),
      z.strictObject({ file: z.string().min(1) }),
      z.strictObject({ command: z.tuple([z.string()], z.string()) }),
    ])
    .optional(),
  tenants: tenantSchema(listeningSchema),
});

export interface TlsFiles {
  readonly cert: string;
  readonly key: string;
}

export interface GatewayConfig {
  readonly listen: {
    readonly host: string;
    readonly port: number;
    /** Files of PEM, absolute; absent: in clear, for this machine or behind a proxy that encrypts. */
    readonly tls?: TlsFiles;
  };
  /** Without a trailing slash. Absent: made from the address that was bound. */
  readonly publicUrl?: string;
  /** Absolute. */
  readonly dataDir: string;
  readonly wrappingKey?: WrappingSource;
  readonly tenants: { readonly [name: string]: TenantConfig };
}

export interface TenantConfig {
  readonly idp: {
    readonly issuer: string;
    readonly audience: string;
    readonly algorithms: readonly ("ES256" | "EdDSA" | "RS256")[];
  };
  /** Cloudflare Access before this gateway says who a human is, too; absent: its header counts for nothing. */
  readonly access?: { readonly team: string; readonly audience: string } | undefined;
  /** Who may send Security Event Tokens; absent: nobody. */
  readonly events?:
    | {
        readonly issuer: string;
        /** What the sender calls us. */
        readonly audience: string;
        readonly algorithms: readonly ("ES256" | "EdDSA" | "RS256")[];
        /** Of its keys; absent: found by discovery. */
        readonly jwksUri?: string | undefined;
        /** How long a human stays locked: at least as long as an ID token of theirs lives. */
        readonly lockMinutes: number;
      }
    | undefined;
  /** Connectors that listen for this gateway; all others dial it. */
  readonly connectors: readonly ListeningAt[];
  /** How humans sign in to decide approvals; absent: none can be decided. */
  readonly approvals?: { readonly audience: string; readonly maxAgeSeconds: number } | undefined;
}

export type ReadConfig =
  | { readonly ok: true; readonly config: GatewayConfig }
  | { readonly ok: false; readonly mistakes: readonly string[] };

/** `postern.jsonc`; every mistake at once, as `file:line message`. */
export function readGatewayConfig(file: string, text: string): ReadConfig {
  const errors: ParseError[] = [];
  const tree = parseTree(text, errors, { allowTrailingComma: true });
  const line = (offset: number): number => text.slice(0, offset).split("\n").length;
  if (errors.length > 0 || tree === undefined) {
    const found = errors.length > 0 ? errors : [{ error: 4 as const, offset: 0, length: 0 }];
    const mistakes = found.map(
      ({ error, offset }) => `${file}:${line(offset)} ${printParseErrorCode(error)}`,
    );
    return { ok: false, mistakes };
  }
  const parsed = gatewaySchema.safeParse(getNodeValue(tree));
  if (!parsed.success) {
    const mistakes = parsed.error.issues.map(({ path, message }) => {
      const node = findNodeAtLocation(
        tree,
        path.map((part) => (typeof part === "symbol" ? "" : part)),
      );
      return `${file}:${line(node?.offset ?? 0)} ${path.join(".")}: ${message}`;
    });
    return { ok: false, mistakes };
  }
  const { publicUrl, wrappingKey, dataDir, listen } = parsed.data;
  const folder = dirname(file);
  const tenants = Object.entries(parsed.data.tenants).map(([name, tenant]) => [
    name,
    { ...tenant, connectors: tenant.connectors.map((one) => listeningAt(one, folder)) },
  ]);
  if (Buffer.byteLength(join(resolve(folder, dataDir), ADMIN_SOCKET)) > MAX_SOCKET_PATH_BYTES) {
    const node = findNodeAtLocation(tree, ["dataDir"]);
    const fix = `a Unix socket's path has at most ${MAX_SOCKET_PATH_BYTES} bytes: use a shorter folder`;
    return { ok: false, mistakes: [`${file}:${line(node?.offset ?? 0)} dataDir: ${fix}`] };
  }
  return {
    ok: true,
    config: {
      tenants: Object.fromEntries(tenants) as GatewayConfig["tenants"],
      listen: {
        host: listen.host,
        port: listen.port,
        ...(listen.tls !== undefined && {
          tls: {
            cert: resolve(folder, listen.tls.cert),
            key: resolve(folder, listen.tls.key),
          },
        }),
      },
      dataDir: resolve(folder, dataDir),
      ...(publicUrl !== undefined && { publicUrl: publicUrl.replace(/\/$/, "") }),
      ...(wrappingKey !== undefined && { wrappingKey }),
    },
  };
}
