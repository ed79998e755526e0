import { describe, expect, it } from "vitest";
import { readGatewayConfig } from "./config.ts";

const GOOD = `{
  // where agents come in
  "listen": { "host": "127.0.0.1", "port": 8080 },
  "dataDir": "./data",
  "tenants": { "acme": { "idp": { "issuer": "https://idp.example", "audience": "postern", "algorithms": ["ES256"] } } },
}`;

describe("postern.jsonc", () => {
  it("is read with comments and trailing commas; the data folder is beside it", () => {
    const read = readGatewayConfig("/etc/postern/postern.jsonc", GOOD);
    expect(read).toMatchObject({ ok: true, config: { dataDir: "/etc/postern/data" } });
  });

  it("keeps no slash at the end of the public URL", () => {
    const text = GOOD.replace('"dataDir"', '"publicUrl": "https://gate.example/", "dataDir"');
    expect(readGatewayConfig("postern.jsonc", text)).toMatchObject({
      ok: true,
      config: { publicUrl: "https://gate.example" },
    });
  });

  it("reports every mistake at once, with its line", () => {
    const text = `{
  "listen": { "host": "127.0.0.1", "port": 99999 },
  "dataDir": "",
  "tenants": {
    "Acme!": { "idp": { "issuer": "https://idp.example", "audience": "x", "algorithms": ["ES256"] } },
    "acme": { "idp": { "issuer": "nonsense", "audience": "x", "algorithms": ["none"] } }
  },
  "autentication": false
}`;
    const read = readGatewayConfig("postern.jsonc", text);
    expect(read.ok).toBe(false);
    const lines = read.ok ? [] : read.mistakes.map((mistake) => mistake.split(" ")[0]);
    expect(new Set(lines)).toEqual(
      new Set([
        "postern.jsonc:1",
        "postern.jsonc:2",
        "postern.jsonc:3",
        "postern.jsonc:5",
        "postern.jsonc:6",
      ]),
    );
  });

  it("takes security events where it names their sender, and locks for an hour", () => {
    const sender = `"issuer": "https://signals.example", "audience": "x", "algorithms": ["ES256"]`;
    const withEvents = (more: string) =>
      readGatewayConfig(
        "postern.jsonc",
        GOOD.replace('"acme": { ', `"acme": { "events": { ${sender}${more} }, `),
      );
    expect(withEvents("")).toMatchObject({
      ok: true,
      config: { tenants: { acme: { events: { audience: "x", lockMinutes: 60 } } } },
    });
    expect(withEvents(', "lockMinutes": 10080').ok).toBe(true);
    for (const wrong of [', "lockMinutes": 10081', ', "lockMinutes": 0', ', "jwksUri": "keys"']) {
      expect([wrong, withEvents(wrong).ok]).toEqual([wrong, false]);
    }
  });

  it.each(["", "{", "[]", "null"])("%j is a mistake, not a crash", (text) => {
    expect(readGatewayConfig("postern.jsonc", text).ok).toBe(false);
  });

  it("refuses a data folder whose admin socket would have too long a path", () => {
    const text = GOOD.replace("./data", `./${"d".repeat(120)}`);
    expect(readGatewayConfig("/etc/postern.jsonc", text)).toMatchObject({ ok: false });
  });
});
