import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:https";
import { type AddressInfo, createServer as createTcp, type Server as TcpServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TLSSocket } from "node:tls";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readConfig } from "./config.ts";
import { HeldBytes } from "./executor.ts";
import { HttpExecutor } from "./http.ts";
import { networkFailure } from "./network-failure.ts";
import { openSocket } from "./postgres-socket.ts";
import { httpDestination, httpExecution } from "./testing.ts";
import { Authority, type Issued } from "./testing-certificates.ts";
import { postgresDestination } from "./testing-postgres.ts";
import { following, readTlsFiles } from "./tls-files.ts";
import type { TlsMaterial } from "./tls.ts";

const ours = new Authority("our authority");
const other = new Authority("another authority");
const good = ours.issue("service", { names: ["localhost", "127.0.0.1"] });
const client = ours.issue("connector");
const PAST = new Date(Date.now() - 60_000);
const FUTURE = new Date(Date.now() + 3_600_000);

const closing: (() => Promise<unknown> | void)[] = [];
afterAll(async () => {
  for (const close of closing.toReversed()) await close();
});

async function listening(server: Server | TcpServer): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  closing.push(() => new Promise((resolve) => server.close(resolve)));
  return (server.address() as AddressInfo).port;
}

/** Answers with who its client is. */
async function service(
  { cert, key }: Issued,
  more: { readonly maxVersion?: "TLSv1.1"; readonly ca?: string } = {},
): Promise<number> {
  const mutual = more.ca === undefined ? {} : { requestCert: true, rejectUnauthorized: true };
  const legacy =
    more.maxVersion === undefined ? {} : { minVersion: "TLSv1", ciphers: "ALL:@SECLEVEL=0" };
  const options = { cert, key, ...mutual, ...legacy, ...more } as object;
  const server = createServer(options, (request, response) => {
    const { subject } = (request.socket as TLSSocket).getPeerCertificate();
    response.end(subject?.CN ?? "nobody");
  });
  const port = await listening(server);
  closing.push(() => server.closeAllConnections());
  return port;
}

async function ask(origin: string, material: TlsMaterial): Promise<unknown> {
  const tls = (): TlsMaterial => material;
  const executor = new HttpExecutor(httpDestination({ origin, tls }), new HeldBytes());
  closing.push(() => executor.close());
  const answer = await executor.execute(httpExecution());
  return answer.ok ? Buffer.from(answer.body, "base64").toString() : answer.code;
}

describe("TLS with a service", () => {
  let plain: number;
  let mutual: number;
  beforeAll(async () => {
    plain = await service(good);
    mutual = await service(good, { ca: ours.cert });
  });

  it("believes the authority that the file names, for names and for addresses", async () => {
    expect(await ask(`https://localhost:${plain}`, { ca: ours.cert })).toBe("nobody");
    expect(await ask(`https://127.0.0.1:${plain}`, { ca: ours.cert })).toBe("nobody");
  });

  it("shows the certificate that the file names", async () => {
    const tls = { ca: ours.cert, ...client };
    expect(await ask(`https://localhost:${mutual}`, tls)).toBe("connector");
  });

  it("believes no authority that nobody named", async () => {
    expect(await ask(`https://localhost:${plain}`, {})).toBe("tls_certificate_error");
    const tls = { ca: other.cert };
    expect(await ask(`https://localhost:${plain}`, tls)).toBe("tls_certificate_error");
  });

  it.each<[string, Issued]>([
    ["another name", ours.issue("service", { names: ["other.internal"] })],
    ["no name", ours.issue("service")],
    ["a time that is over", ours.issue("service", { names: ["localhost"], until: PAST })],
    ["a time to come", ours.issue("service", { names: ["localhost"], from: FUTURE })],
    ["an authority that is none", impostor()],
  ])("refuses a certificate for %s", async (_, issued) => {
    const port = await service(issued);
    const tls = { ca: ours.cert };
    expect(await ask(`https://localhost:${port}`, tls)).toBe("tls_certificate_error");
  });

  it("is refused without a certificate, and with one of another authority", async () => {
    const origin = `https://localhost:${mutual}`;
    for (const tls of [{ ca: ours.cert }, { ca: ours.cert, ...other.issue("connector") }]) {
      expect(await ask(origin, tls)).toMatch(/^(?:tls_certificate_error|connection_terminated)$/);
    }
  });

  it("does not speak a version before 1.2", async () => {
    const port = await service(good, { maxVersion: "TLSv1.1" });
    expect(await ask(`https://localhost:${port}`, { ca: ours.cert })).toBe("tls_certificate_error");
  });

  it("is verified whatever the environment says", async () => {
    const before = process.env["NODE_TLS_REJECT_UNAUTHORIZED"];
    process.env["NODE_TLS_REJECT_UNAUTHORIZED"] = "0";
    try {
      expect(await ask(`https://localhost:${plain}`, {})).toBe("tls_certificate_error");
      const tls = { ca: other.cert };
      expect(await ask(`https://localhost:${plain}`, tls)).toBe("tls_certificate_error");
    } finally {
      if (before === undefined) delete process.env["NODE_TLS_REJECT_UNAUTHORIZED"];
      else process.env["NODE_TLS_REJECT_UNAUTHORIZED"] = before;
    }
  });
});

describe("TLS with a database", () => {
  let port: number;
  let seen: (name: string) => void;
  beforeAll(async () => {
    const server = createTcp((socket) => {
      socket.on("error", () => undefined);
      socket.once("data", () => {
        // "S": yes, encrypted.
        socket.write("S");
        const { cert, key } = good;
        const options = { isServer: true, cert, key, ca: ours.cert, requestCert: true } as const;
        const secure = new TLSSocket(socket, options);
        secure.on("error", () => undefined);
        secure.on("secure", () => seen(secure.getPeerCertificate().subject?.CN?.toString() ?? ""));
      });
    });
    port = await listening(server);
  });

  async function connect(host: string, material: TlsMaterial): Promise<string> {
    const tls = (): TlsMaterial => material;
    const arrived = new Promise<string>((resolve) => (seen = resolve));
    try {
      const socket = await openSocket(postgresDestination({ host, port, tls }));
      const name = await arrived;
      socket.destroy();
      return name;
    } catch (error) {
      return networkFailure(error);
    }
  }

  it.each(["localhost", "127.0.0.1"])("at %s is held against file and name", async (host) => {
    expect(await connect(host, { ca: ours.cert, ...client })).toBe("connector");
    expect(await connect(host, {})).toBe("tls_certificate_error");
    expect(await connect(host, { ca: other.cert })).toBe("tls_certificate_error");
  });

  it("at an address that its certificate does not name is refused", async () => {
    const onlyName = ours.issue("service", { names: ["localhost"] });
    const before = { ...good };
    Object.assign(good, onlyName);
    try {
      expect(await connect("127.0.0.1", { ca: ours.cert })).toBe("tls_certificate_error");
      expect(await connect("localhost", { ca: ours.cert })).toBe("");
    } finally {
      Object.assign(good, before);
    }
  });
});

describe("certificates that are renewed while a connector runs", () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "tls-renewed-"));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const write = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };

  it("hold for the next connection, of either side", async () => {
    const theirs = other.issue("service", { names: ["localhost"] });
    const port = await service(theirs, { ca: ours.cert });
    const old = other.issue("connector");
    const paths = {
      ca: write("ca.pem", ours.cert),
      cert: write("cert.pem", old.cert),
      key: write("key.pem", old.key),
    };
    const read = readTlsFiles(paths);
    const tls = following(paths, read.ok ? read.material : {});
    const origin = `https://localhost:${port}`;
    const executor = new HttpExecutor(httpDestination({ origin, tls }), new HeldBytes());
    closing.push(() => executor.close());
    expect(await executor.execute(httpExecution())).toMatchObject({
      code: "tls_certificate_error",
    });
    write("ca.pem", other.cert);
    write("cert.pem", client.cert);
    write("key.pem", client.key);
    expect(await executor.execute(httpExecution())).toMatchObject({ ok: true });
  });

  it("are the ones of before while the files do not fit, and the same object until they change", () => {
    const paths = { cert: write("cert.pem", client.cert), key: write("key.pem", client.key) };
    const tls = following(paths, { ...client });
    const before = tls();
    expect(tls()).toBe(before);
    const next = ours.issue("connector");
    for (const half of [next.cert, "no PEM", ""]) {
      write("cert.pem", half);
      expect(tls()).toBe(before);
    }
    rmSync(paths.cert);
    expect(tls()).toBe(before);
    write("cert.pem", next.cert);
    write("key.pem", next.key);
    expect(tls()).toEqual(next);
    expect(tls()).toBe(tls());
  });
});

describe("tls in connector.jsonc", () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "tls-"));
    writeFileSync(join(folder, "ca.pem"), ours.cert + other.cert);
    writeFileSync(join(folder, "cert.pem"), client.cert);
    writeFileSync(join(folder, "key.pem"), client.key);
    writeFileSync(join(folder, "other.pem"), other.issue("connector").key);
    writeFileSync(join(folder, "text.pem"), "no PEM");
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  function read(tls: unknown, origin = "https://tickets.internal"): unknown {
    const file = {
      ...{ network: "acme", tier: "internal", stateDir: "state" },
      destinations: { it: { kind: "http", origin, methods: ["GET"], paths: ["/"], tls } },
    };
    const result = readConfig(JSON.stringify(file), join(folder, "connector.jsonc"), {});
    if (!result.ok) return result.mistakes.map(({ at, code }) => `${at} ${code}`);
    const it = result.config.destinations.get("it");
    return it?.kind === "http" && it.tls();
  }

  it("names files of PEM beside it", () => {
    expect(read({ ca: "ca.pem", cert: "cert.pem", key: join(folder, "key.pem") })).toEqual({
      ca: ours.cert + other.cert,
      ...client,
    });
    expect(read({})).toEqual({});
  });

  it.each<[string, unknown, string]>([
    ["a file that is not there", { ca: "none.pem" }, ".ca invalid_value"],
    ["a file of something else", { ca: "text.pem" }, ".ca invalid_value"],
    ["a key for an authority", { ca: "key.pem" }, ".ca invalid_value"],
    ["a certificate for a key", { cert: "cert.pem", key: "cert.pem" }, ".key invalid_value"],
    ["another's key", { cert: "cert.pem", key: "other.pem" }, ".key invalid_value"],
    ["a certificate without its key", { cert: "cert.pem" }, " missing_key"],
    ["a key without its certificate", { key: "key.pem" }, " missing_key"],
    ["a switch", { ca: "ca.pem", insecure: true }, ".insecure unknown_key"],
    ["a word", "off", " wrong_type"],
  ])("does not take %s", (_, tls, mistake) => {
    expect(read(tls)).toEqual([`destinations.it.tls${mistake}`]);
  });

  it("does not belong to an origin in clear", () => {
    const at = "destinations.it.tls invalid_value";
    expect(read({ ca: "ca.pem" }, "http://127.0.0.1:1")).toEqual([at]);
  });
});

/** Signed by a certificate of our authority that is no authority itself. */
function impostor(): Issued {
  const own = ours.issue("no authority");
  const { cert, key } = new Authority("no authority", own).issue("it", { names: ["localhost"] });
  return { cert: cert + own.cert, key };
}
