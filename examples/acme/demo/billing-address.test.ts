import { describe, expect, it } from "vitest";
import { billingAddress, billingPassword } from "./billing-address.ts";

const embedded = { host: "/run/acme", port: 5_432, database: "postgres", user: "postgres" };

describe("where billing is", () => {
  it("is what embedded Postgres announced", () => {
    expect(billingAddress(embedded, undefined)).toEqual({
      billingHost: "/run/acme",
      billingPort: 5_432,
      billingTls: false,
      billingDatabase: "postgres",
      billingUser: "postgres",
    });
    expect(billingPassword(undefined)).not.toBe("");
  });

  it("is what ACME_PG_URL says, decoded", () => {
    const url = "postgres://acme%40x:p%3Aw@db.internal:6432/books?sslmode=require";
    expect(billingAddress({}, url)).toEqual({
      billingHost: "db.internal",
      billingPort: 6_432,
      billingTls: true,
      billingDatabase: "books",
      billingUser: "acme@x",
    });
    expect(billingPassword(url)).toBe("p:w");
  });

  it("may be a socket folder of a real server", () => {
    const url = "postgres://acme@localhost/books?host=/var/run/postgresql";
    expect(billingAddress({}, url)).toMatchObject({
      billingHost: "/var/run/postgresql",
      billingPort: 5_432,
      billingTls: false,
    });
  });
});
