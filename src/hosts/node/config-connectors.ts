import { resolve } from "node:path";
import { z } from "zod";
import type { TlsPaths } from "../../connector/tls-files.ts";
import { CONNECTOR_URL_FIX, isConnectorUrl } from "./connector-url.ts";

/** Where a connector listens, and files of PEM, absolute: empty where the public authorities are believed. */
export interface ListeningAt {
  readonly origin: string;
  readonly tls: TlsPaths;
}

const origin = z.string().refine(isConnectorUrl, CONNECTOR_URL_FIX);
const file = z.string().min(1);

export const listeningSchema = z.union([
  origin,
  z
    .strictObject({
      origin,
      ca: file.optional(),
      cert: file.optional(),
      key: file.optional(),
    })
    .refine(({ cert, key }) => (cert === undefined) === (key === undefined), {
      path: ["cert"],
      message: 'a client certificate needs both "cert" and "key"',
    })
    .refine((one) => one.origin.startsWith("https:") || (one.ca ?? one.cert) === undefined, {
      path: ["origin"],
      message: "certificates belong to an https origin",
    }),
]);

export function listeningAt(one: z.infer<typeof listeningSchema>, folder: string): ListeningAt {
  if (typeof one === "string") return { origin: one, tls: {} };
  const { origin: at, ca, cert, key } = one;
  return {
    origin: at,
    tls: {
      ...(ca !== undefined && { ca: resolve(folder, ca) }),
      ...(cert !== undefined && { cert: resolve(folder, cert) }),
      ...(key !== undefined && { key: resolve(folder, key) }),
    },
  };
}
