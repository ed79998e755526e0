import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "node:tls";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { enrollConnector } from "../../connector/enroll.ts";
import { startConnector } from "../../connector/run.ts";
import { Authority, type Issued } from "../../connector/testing-certificates.ts";
import type { TlsPaths } from "../../connector/tls-files.ts";
import { type GatewayConfig, readGatewayConfig } from "./config.ts";
import { agentServer } from "./http-server.ts";
import { loadListening, loadTls, renewing, TlsUnusable } from "./server-tls.ts";
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
  authority: string | undefined,
  configPath = connectorFile(),
): Promise<string> {
  const { url, code } = gateway;
  const to = {
    configPath,
    gateway: url,
    gatewayTls: authority === undefined ? undefined : () => ({ ca: authority }),
    tenant: "acme",
    code,
    env: {},
  };
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
      ...{ configPath, gateway: gateway.url, gatewayTls: () => ({ ca: ours.cert }), env: {} },
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
      ...{ configPath, gateway: gateway.url, gatewayTls: () => ({ ca: other.cert }), env: {} },
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

  it("is the one of now for each connection, and the last that fits while its files do not", async () => {
    const files = { cert: file("own.pem", good.cert), key: file("own-key.pem", good.key) };
    let now = 0;
    const first = loadTls(files);
    const server = agentServer(undefined, first);
    renewing(server, files, first, () => now);
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const shown = async (): Promise<string> => {
      const socket = connect({ port, host: "127.0.0.1", ca: ours.cert });
      await once(socket, "secureConnect");
      const pem = socket.getPeerX509Certificate()?.toString() ?? "";
      socket.destroy();
      return pem;
    };
    const plain = (pem: string): string => new X509Certificate(pem).toString();
    try {
      const next = ours.issue("gateway", { names: ["127.0.0.1"] });
      file("own.pem", next.cert);
      now += 1_000;
      // Its key has not come yet.
      expect(await shown()).toBe(plain(good.cert));
      file("own-key.pem", next.key);
      now += 999;
      expect(await shown()).toBe(plain(good.cert));
      now += 1;
      expect(await shown()).toBe(plain(next.cert));
    } finally {
      server.close();
    }
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

describe("connectors that this gateway dials", () => {
  const read = (connectors: unknown): unknown => {
    const listen = { host: "127.0.0.1", port: 0 };
    const config = { dataDir: "data", listen, tenants: { acme: { idp: idp(), connectors } } };
    const result = readGatewayConfig(join(folder, "postern.jsonc"), JSON.stringify(config));
    if (!result.ok) return result.mistakes.map((one) => one.replace(/^\S+ /, ""));
    return result.config.tenants["acme"]?.connectors;
  };

  it("are origins, and files of PEM beside the configuration where they need some", () => {
    const ca = join(folder, "ca.pem");
    const origin = "https://connector.internal";
    expect(
      read([
        "http://10.0.0.7:7070",
        { origin: "http://10.0.0.8:7070" },
        { origin, ca: "ca.pem", cert: "/etc/cert.pem", key: "/etc/key.pem" },
      ]),
    ).toEqual([
      { origin: "http://10.0.0.7:7070", tls: {} },
      { origin: "http://10.0.0.8:7070", tls: {} },
      { origin, tls: { ca, cert: "/etc/cert.pem", key: "/etc/key.pem" } },
    ]);
  });

  it.each<[string, unknown]>([
    ["a certificate without its key", { origin: "https://a.internal", cert: "cert.pem" }],
    ["a key without its certificate", { origin: "https://a.internal", key: "key.pem" }],
    ["an authority in clear", { origin: "http://10.0.0.7", ca: "ca.pem" }],
    ["a path", { origin: "https://a.internal/path", ca: "ca.pem" }],
    ["a name in clear", "http://a.internal"],
    ["a switch", { origin: "https://a.internal", insecure: true }],
    ["nothing", {}],
  ])("are not %s", (_, one) => {
    expect(read([one])).toEqual([expect.stringMatching(/^tenants\.acme\.connectors\.0/)]);
  });

  it("are not dialled before their files are there, and good", () => {
    const write = (name: string, text: string): string => {
      writeFileSync(join(folder, name), text);
      return join(folder, name);
    };
    const origin = "https://a.internal";
    const load = (tls: TlsPaths): unknown => {
      const acme = { idp: idp(), connectors: [{ origin, tls }] };
      return loadListening({ acme } as unknown as GatewayConfig["tenants"])
        .get("acme")?.[0]
        ?.tls();
    };
    const paths = {
      ca: write("ca.pem", other.cert),
      cert: write("client.pem", good.cert),
      key: write("client-key.pem", good.key),
    };
    expect(load(paths)).toEqual({ ca: other.cert, ...good });
    expect(load({})).toEqual({});
    const foreign = write("foreign-key.pem", ours.issue("x").key);
    for (const wrong of [
      { ca: join(folder, "none.pem") },
      { ca: write("no.pem", "no PEM") },
      { ...paths, key: foreign },
      { ...paths, key: paths.cert },
    ]) {
      expect(() => load(wrong)).toThrow(TlsUnusable);
    }
  });
});

function idp(): object {
  return { issuer: "https://idp.example", audience: "postern", algorithms: ["ES256"] };
}
