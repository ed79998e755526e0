import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { enrollConnector } from "../../connector/enroll.ts";
import { startConnector } from "../../connector/run.ts";
import { Authority, type Issued } from "../../connector/testing-certificates.ts";
import { readGatewayConfig } from "./config.ts";
import { loadTls, TlsUnusable } from "./server-tls.ts";
import { TestGateway } from "./testing-tunnel.ts";

const ours = new Authority("our authority");
const other = new Authority("another authority");
const good = ours.issue("gateway", { names: ["127.0.0.1"] });
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "gateway-tls-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

async function gatewayWith(issued: Issued): Promise<TestGateway & AsyncDisposable> {
  const gateway = new TestGateway(issued);
  gateway.server.listen(0, "127.0.0.1");
  await once(gateway.server, "listening");
  return Object.assign(gateway, { [Symbol.asyncDispose]: () => gateway.close() });
}

/** A connector of its own for each: where its key and its gateway are kept. */
let connectors = 0;
function connectorFile(): string {
  const configPath = join(folder, `connector-${++connectors}.jsonc`);
  const all = { network: "acme", tier: "internal", stateDir: `state-${connectors}` };
  writeFileSync(configPath, JSON.stringify({ ...all, destinations: {} }));
  return configPath;
}

async function enrol(
  gateway: TestGateway,
  gatewayCa: string | undefined,
  configPath = connectorFile(),
): Promise<string> {
  const { url, code } = gateway;
  const to = { configPath, gateway: url, gatewayCa, tenant: "acme", code, env: {} };
  const result = await enrollConnector(to);
  return result.ok ? "enrolled" : result.fault;
}

describe("a gateway that speaks TLS itself", () => {
  it("lets in who was given its authority: enrolment and tunnel", async () => {
    await using gateway = await gatewayWith(good);
    expect(gateway.url).toMatch(/^https:/);
    const configPath = connectorFile();
    expect(await enrol(gateway, ours.cert, configPath)).toBe("enrolled");
    const ready = Promise.withResolvers<void>();
    const started = await startConnector({
      ...{ configPath, gateway: gateway.url, gatewayCa: ours.cert, env: {} },
      log: () => undefined,
      ready: () => ready.resolve(),
    });
    if (!started.ok) throw new Error(started.fault);
    await ready.promise;
    await started.connector.stop();
    expect(gateway.events.map(({ type }) => type)).toContain("session_begun");
  });

  it.each<[string, Issued, string | undefined]>([
    ["no authority that is known", good, undefined],
    ["another authority", good, other.cert],
    ["another name", ours.issue("gateway", { names: ["gateway.example"] }), ours.cert],
    [
      "a time that is over",
      ours.issue("gateway", { names: ["127.0.0.1"], until: new Date(Date.now() - 60_000) }),
      ours.cert,
    ],
  ])("is not told a join code where its certificate has %s", async (_, issued, authority) => {
    await using gateway = await gatewayWith(issued);
    expect(await enrol(gateway, authority)).toBe("gateway_unreachable");
    expect(gateway.enrolled).toBeNull();
  });

  it("is not dialled, and proves nothing, under another authority", async () => {
    const configPath = connectorFile();
    await using gateway = await gatewayWith(good);
    expect(await enrol(gateway, ours.cert, configPath)).toBe("enrolled");
    const failed = Promise.withResolvers<void>();
    const started = await startConnector({
      ...{ configPath, gateway: gateway.url, gatewayCa: other.cert, env: {} },
      log: (_level, event) => event === "gateway_unreachable" && failed.resolve(),
      ready: () => failed.reject(new Error("it was let in")),
    });
    if (!started.ok) throw new Error(started.fault);
    await failed.promise;
    await started.connector.stop();
    expect(gateway.sockets.size).toBe(0);
  });
});

describe("the certificate of a gateway", () => {
  const file = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };

  it("lies beside its configuration, or anywhere", () => {
    file("cert.pem", good.cert);
    const config = {
      ...{ dataDir: "data", tenants: { acme: { idp: idp() } } },
      listen: { host: "127.0.0.1", port: 0, tls: { cert: "cert.pem", key: "/etc/key.pem" } },
    };
    const read = readGatewayConfig(join(folder, "postern.jsonc"), JSON.stringify(config));
    const files = { cert: join(folder, "cert.pem"), key: "/etc/key.pem" };
    expect(read.ok && read.config.listen.tls).toEqual(files);
  });

  it("is used with its own key only", () => {
    const cert = file("cert.pem", good.cert);
    const key = file("key.pem", good.key);
    expect(loadTls({ cert, key })).toEqual(good);
    const foreign = file("foreign.pem", ours.issue("x").key);
    const text = file("text.pem", "no PEM");
    for (const files of [
      { cert, key: foreign },
      { cert: text, key },
      { cert, key: text },
      { cert: key, key: cert },
      { cert, key: join(folder, "none.pem") },
    ]) {
      expect(() => loadTls(files)).toThrow(TlsUnusable);
    }
  });
});

function idp(): object {
  return { issuer: "https://idp.example", audience: "postern", algorithms: ["ES256"] };
}
