import { createSocket, type Socket as Datagrams } from "node:dgram";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type NodeHost, nodeHost } from "../acceptance/support/node-host.ts";
import { postern, run } from "../acceptance/support/process.ts";
import type { Workflow } from "../acceptance/support/workflow.ts";
import { startWorld, type World } from "../acceptance/support/world.ts";
import { dnsAnswer } from "../../src/connector/testing-dns.ts";
import { checked, figure } from "./checked.ts";
import { nothingLeaked, recordVerifies } from "./invariants.ts";
import { layerFolder, type HttpTool } from "./layer.ts";

const SECRET = "s3cret-of-the-service-4711";
/** Where names lead until somebody changes the record: a service of ours, on loopback. */
const OURS = ["127.0.0.0/29"];

/**
 * Torture 38: the SSRF set → nothing reached. The trap listens on addresses beside those of the service,
 * and on the same port, so that whatever leads astray would arrive. The name server is ours (its wire
 * format is the one thing taken from `src/`); the connector is told of it by its own configuration.
 */
describe("torture 38: requests that want to go elsewhere", () => {
  const host: NodeHost = nodeHost();
  const records = new Map<string, () => readonly string[]>();
  /** What arrived where nothing may. */
  const reached: string[] = [];
  /** What the honest service saw, and what it answers. */
  const arrivals: string[] = [];
  let location: string | null = null;
  let names: Datagrams;
  let asked = 0;
  let service: Server;
  let traps: Server[];
  let world: World;
  let workflow: Workflow;

  async function listening(server: Server, address: string, port: number): Promise<number> {
    server.listen(port, address);
    await once(server, "listening");
    return (server.address() as AddressInfo).port;
  }

  const secrets = mkdtempSync(join(tmpdir(), "secrets-"));
  beforeAll(async () => {
    writeFileSync(join(secrets, "key"), `Bearer ${SECRET}`);
    service = createServer((request, response) => {
      expect(request.headers.authorization).toBe(`Bearer ${SECRET}`);
      arrivals.push(`${request.headers.host} ${request.url}`);
      if (location !== null) return void response.writeHead(302, { location }).end();
      response.writeHead(200, { "content-type": "application/json", connection: "close" });
      response.end('{"text":"here"}');
    });
    const port = await listening(service, "127.0.0.1", 0);
    traps = ["127.0.0.77", "127.0.1.1", "::1"].map(() =>
      createServer((request, response) => {
        reached.push(`${request.headers.host} ${request.url}`);
        response.end('{"text":"astray"}');
      }),
    );
    await Promise.all([
      listening(traps[0]!, "127.0.0.77", port),
      listening(traps[1]!, "127.0.1.1", port),
      listening(traps[2]!, "::1", port),
    ]);
    names = createSocket("udp4");
    names.on("message", (question, { port: from, address }) => {
      asked++;
      names.send(
        dnsAnswer(question, (name) => records.get(name)?.() ?? []),
        from,
        address,
      );
    });
    names.bind(0, "127.0.0.1");
    await once(names, "listening");
    const resolvers = [`127.0.0.1:${(names.address() as AddressInfo).port}`];
    const named = (addresses?: readonly string[]): object => ({
      ...{
        kind: "http",
        origin: `http://svc.internal:${port}`,
        methods: ["GET"],
        paths: ["/note"],
      },
      ...(addresses !== undefined && { addresses }),
      headers: { authorization: { file: join(secrets, "key") } },
    });
    const destinations = {
      private: named(OURS),
      public: named(),
      anywhere: named(["0.0.0.0/0", "::/0"]),
    };
    const tools = Object.keys(destinations).map((id): HttpTool => ({
      ...{ id: `ask_${id}`, destination: id, action: "read" },
      http: { method: "GET", path: "/note", query: ["text"] },
    }));
    const known = { kind: "http", network: "acme", tier: "internal" };
    const overlay = layerFolder({
      destinations: Object.fromEntries(Object.keys(destinations).map((id) => [id, known])),
      tools,
    });
    world = await startWorld("laboratory", host, { overlays: [overlay], destinations, resolvers });
    workflow = await world.acme.open(world.agent, "dana", { purpose: "lab" });
  });
  afterAll(async () => {
    await world?.[Symbol.asyncDispose]();
    for (const server of [service, ...(traps ?? [])]) {
      server?.closeAllConnections();
      server?.close();
    }
    names?.close();
    rmSync(secrets, { recursive: true });
  });

  const ask = async (id: string, text = "x"): Promise<string> => {
    const { outcome, reason, result } = await workflow.call(`ask_${id}`, { text });
    return reason === undefined
      ? `${outcome} ${JSON.stringify(result?.value)}`
      : `${outcome} ${reason.code}`;
  };
  const HERE = 'ok {"text":"here"}';
  const PROHIBITED = "failed destination_ip_prohibited";
  const lead = (...addresses: readonly string[]): void => {
    records.set("svc.internal", () => addresses);
  };

  it("a name that leads where its list says is followed: all that follows is refused for a reason", async () => {
    lead("127.0.0.1");
    expect(await ask("private")).toBe(HERE);
    expect(arrivals.at(-1)).toMatch(/^svc\.internal:\d+ \/note\?text=x$/);
  });

  it.each([
    ...["127.0.0.77", "127.0.1.1", "::1", "::ffff:7f00:4d", "0.0.0.0", "::", "10.0.0.1"],
    ...[
      "172.16.0.1",
      "192.168.1.1",
      "169.254.169.254",
      "100.100.100.200",
      "fe80::1",
      "fd00:ec2::254",
    ],
    ...[
      "64:ff9b::a9fe:a9fe",
      "64:ff9b::7f00:4d",
      "2002:7f00:4d::1",
      "224.0.0.1",
      "255.255.255.255",
    ],
  ])("a name that leads to %s", async (address) => {
    lead(address);
    expect(await ask("private")).toBe(PROHIBITED);
    expect(await ask("public")).toBe(PROHIBITED);
    // A good answer beside it, in whatever order, changes nothing.
    lead("127.0.0.1", address);
    expect(await ask("private")).toBe(PROHIBITED);
    lead(address, "127.0.0.1");
    expect(await ask("private")).toBe(PROHIBITED);
  });

  it.each(["169.254.169.254", "100.100.100.200", "fd00:ec2::254", "64:ff9b::a9fe:a9fe", "0.0.0.0"])(
    "a name that leads to %s, though everything is listed",
    async (address) => {
      lead(address);
      expect(await ask("anywhere")).toBe(PROHIBITED);
    },
  );

  it("rebinding: the address that was looked at is the one that is connected to, every time", async () => {
    // Two questions a look-up, one for each family.
    let turn = 0;
    for (const second of ["127.0.0.77", "::1", "169.254.169.254"]) {
      records.set("svc.internal", () => [Math.floor(turn++ / 2) % 2 === 0 ? "127.0.0.1" : second]);
      const before = asked;
      const ends = new Set<string>();
      for (let n = 0; n < 16; n++) ends.add(await ask("private"));
      for (const end of ends) expect([HERE, PROHIBITED]).toContain(end);
      expect(ends.size).toBe(2);
      expect(asked).toBeGreaterThan(before);
    }
    figure("names asked", asked);
  });

  it("redirects: wherever they point, nobody goes", async () => {
    lead("127.0.0.1");
    const { port } = service.address() as AddressInfo;
    const hosts = [
      ...["169.254.169.254", "2852039166", "0xa9fea9fe", "0251.0376.0251.0376", "169.254.43518"],
      ...[
        `127.0.0.77:${port}`,
        `2130706509:${port}`,
        `0x7f00004d:${port}`,
        `0177.0.0.0115:${port}`,
      ],
      ...[
        `127.77:${port}`,
        `[::1]:${port}`,
        `[::ffff:127.0.0.77]:${port}`,
        `[64:ff9b::7f00:4d]:${port}`,
      ],
      ...[
        `svc.internal:${port}@127.0.0.77:${port}`,
        `localhost:${port}`,
        `１２７.０.０.７７:${port}`,
      ],
    ];
    const targets = [
      ...hosts.map((one) => `http://${one}/latest/meta-data/`),
      ...[`//127.0.0.77:${port}/x`, `/\\127.0.0.77:${port}/x`, "/elsewhere", "?text=again", ""],
      ...["file:///etc/passwd", "gopher://127.0.0.77/_x", "data:text/plain,x"],
    ];
    for (const target of targets) {
      location = Buffer.from(target, "utf8").toString("latin1");
      const before = arrivals.length;
      expect(await ask("private"), target).toBe("failed upstream_rejected");
      expect(arrivals.length - before, target).toBe(1);
    }
    location = null;
    figure("redirects", targets.length);
  });

  it("an argument is data, whatever it looks like", async () => {
    lead("127.0.0.1");
    for (const text of [
      ...[
        "http://169.254.169.254/",
        "@127.0.0.77",
        "//127.0.0.77/",
        "\\\\127.0.0.77\\x",
        "#@127.0.0.77",
      ],
      ...["x HTTP/1.1\r\nhost: 127.0.0.77\r\n\r\nGET /y", "../../y", "%2e%2e%2fy", "?x=y&text=z"],
    ]) {
      expect(await ask("private", text)).toBe(HERE);
      const [, path = ""] = arrivals.at(-1)!.split(" ");
      const url = new URL(path, "http://svc.internal");
      expect([url.pathname, [...url.searchParams]]).toEqual(["/note", [["text", text]]]);
    }
  });

  it("odd spellings of an address in the connector's own file: it does not start", async () => {
    const spellings = [
      ...["http://2130706509", "http://0x7f00004d", "http://0177.0.0.0115", "http://127.77"],
      ...["http://[::ffff:127.0.0.77]", "http://svc.internal@127.0.0.77", "http://127.0.0.77."],
      ...["http://１２７.0.0.77", "http://[fe80::1%25lo]"],
    ];
    for (const [n, origin] of spellings.entries()) {
      const file = join(world.folder, `odd-${n}.jsonc`);
      const odd = { kind: "http", origin, methods: ["GET"], paths: ["/note"] };
      const config = { network: "acme", tier: "internal", stateDir: `odd-${n}` };
      writeFileSync(file, JSON.stringify({ ...config, destinations: { odd } }));
      const { code, stderr } = await run(
        postern("connector", "run", "--config", file, "--gateway", host.urls.gateway),
      );
      expect([origin, code]).toEqual([origin, 1]);
      expect(stderr).toContain("destinations.odd.origin");
    }
  });

  it("nothing was reached, nothing leaked, the record verifies", async () => {
    expect(reached).toEqual([]);
    expect(arrivals.length).toBeGreaterThan(20);
    // The traps do work.
    const { port } = service.address() as AddressInfo;
    for (const address of ["127.0.0.77", "127.0.1.1", "[::1]"]) {
      await fetch(`http://${address}:${port}/trap`);
    }
    expect(reached).toHaveLength(3);
    await recordVerifies(host, [workflow]);
    nothingLeaked(world, [SECRET]);
    checked("I3", "I6");
  });
});
