import type { Facts } from "../child.ts";

/** What the connector file and the connector's environment need to reach billing. */
export interface BillingAddress {
  readonly billingHost: string;
  readonly billingPort: number;
  readonly billingTls: boolean;
  readonly billingDatabase: string;
  readonly billingUser: string;
}

/** Embedded Postgres announces where it is; a real one is named by ACME_PG_URL. */
export function billingAddress(facts: Facts, external: string | undefined): BillingAddress {
  if (external === undefined) {
    return {
      billingHost: String(facts["host"]),
      billingPort: Number(facts["port"]),
      billingTls: false,
      billingDatabase: String(facts["database"]),
      billingUser: String(facts["user"]),
    };
  }
  const url = new URL(external);
  return {
    billingHost: url.searchParams.get("host") ?? url.hostname,
    billingPort: Number(url.port || 5_432),
    billingTls: ["require", "verify-full"].includes(url.searchParams.get("sslmode") ?? ""),
    billingDatabase: decodeURIComponent(url.pathname.slice(1)),
    billingUser: decodeURIComponent(url.username),
  };
}

/** A connector refuses to start without a password; embedded Postgres checks none. */
export function billingPassword(external: string | undefined): string {
  return (external && decodeURIComponent(new URL(external).password)) || "not-checked";
}
