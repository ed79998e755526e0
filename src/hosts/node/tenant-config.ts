import { z } from "zod";

/** A decision rests on somebody who was there just now. */
const MAX_SIGN_IN_AGE_S = 300;

/** Longer than an ID token lives anywhere: one from before the event opens nothing after it. */
const EVENT_LOCK_MIN = 60;
const MAX_EVENT_LOCK_MIN = 7 * 24 * 60;

/** Connectors that this gateway dials: each costs a connection and a beat a second. */
const MAX_LISTENING = 256;

const name = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,31}$/, "lower-case letters, digits and dashes, at most 32");

const algorithms = z.array(z.enum(["ES256", "EdDSA", "RS256"])).min(1);
const url = z.url({ protocol: /^https?$/ });

/** The tenants of a gateway; `connector` says where one listens that is dialled. */
export function tenantSchema<Connector extends z.ZodType>(connector: Connector) {
  const tenant = z
    .strictObject({
      idp: z.strictObject({ issuer: url, audience: z.string().min(1), algorithms }),
      access: z
        .strictObject({
          team: z
            .string()
            .regex(
              /^https:\/\/[a-z0-9-]+\.cloudflareaccess\.com$/,
              "https://TEAM.cloudflareaccess.com",
            ),
          audience: z.string().min(1),
        })
        .optional(),
      events: z
        .strictObject({
          issuer: url,
          audience: z.string().min(1),
          algorithms,
          jwksUri: url.optional(),
          lockMinutes: z.int().min(1).max(MAX_EVENT_LOCK_MIN).default(EVENT_LOCK_MIN),
        })
        .optional(),
      connectors: z.array(connector).max(MAX_LISTENING).default([]),
      approvals: z
        .strictObject({
          audience: z.string().min(1),
          maxAgeSeconds: z.int().min(10).max(MAX_SIGN_IN_AGE_S).default(MAX_SIGN_IN_AGE_S),
        })
        .optional(),
    })
    .refine(({ idp, approvals }) => approvals?.audience !== idp.audience, {
      path: ["approvals", "audience"],
      message: "another client than the one that opens workflows: one token must not do both",
    });
  return z
    .record(name, tenant)
    .refine((tenants) => Object.keys(tenants).length > 0, "name at least one tenant");
}
