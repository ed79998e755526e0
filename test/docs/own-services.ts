import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { PGlite } from "@electric-sql/pglite";
import { PGLiteSocketServer } from "@electric-sql/pglite-socket";
import { ROOT } from "../acceptance/support/process.ts";

/** What the readers of the guides have in their private network. */

export interface OwnDatabase extends AsyncDisposable {
  readonly exec: (sql: string) => Promise<unknown>;
}

/** Behind a Unix socket in `folder`: it checks no password. */
export async function startDatabase(folder: string): Promise<OwnDatabase> {
  const db = await PGlite.create();
  await db.exec(`
    create table orders (id int primary key, email text, status text, total_cents int);
    create table staff (name text);
    insert into orders values
      (1, 'ada@example.com', 'open', 4200), (2, 'bo@example.com', 'paid', 100)`);
  const path = join(folder, ".s.PGSQL.5432");
  const server = new PGLiteSocketServer({ db, path, maxConnections: 8 });
  await server.start();
  return {
    exec: (sql) => db.exec(sql),
    [Symbol.asyncDispose]: async () => {
      await server.stop();
      await db.close();
    },
  };
}

export interface OwnDesk extends AsyncDisposable {
  readonly origin: string;
}

const TEXT = { type: "string" } as const;
const ADDRESS = { ...TEXT, format: "email" } as const;
const OPENAPI = {
  openapi: "3.1.0",
  info: { title: "Desk", version: "1" },
  paths: {
    "/tickets/{ticket}": {
      get: {
        operationId: "getTicket",
        summary: "Read a ticket",
        parameters: [{ name: "ticket", in: "path", required: true, schema: { type: "integer" } }],
        responses: {
          "200": {
            description: "The ticket",
            content: {
              "application/json": {
                schema: {
                  type: "object",
                  properties: { id: { type: "integer" }, title: TEXT, from: ADDRESS },
                  required: ["id", "title", "from"],
                },
              },
            },
          },
        },
      },
    },
  },
};

/** Answers nobody without its credential but with its document, and says more than that declares. */
export async function startDesk(): Promise<OwnDesk> {
  const answers: { readonly [path: string]: object } = {
    "/openapi.json": OPENAPI,
    "/status": { open: 3 },
    "/tickets/7": { id: 7, title: "No light", from: "ada@example.com", note: "not for agents" },
  };
  const server = createServer(({ url = "", method, headers }, response) => {
    const known = url === "/openapi.json" || headers.authorization === "Bearer change-me";
    const answer = method === "GET" && known ? answers[url] : undefined;
    response.writeHead(known ? (answer === undefined ? 404 : 200) : 401, {
      "content-type": "application/json",
    });
    response.end(JSON.stringify(answer ?? {}));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** The memory server of MCP's authors with one note in it; answers with the program's whole path. */
export function writeNotes(folder: string): string {
  const notes = join(folder, "notes.jsonl");
  const note = { type: "entity", name: "printer", entityType: "thing", observations: ["upstairs"] };
  writeFileSync(notes, `${JSON.stringify(note)}\n`);
  const program = join(folder, "notes-mcp");
  const entry = `${ROOT}node_modules/@modelcontextprotocol/server-memory/dist/index.js`;
  const line = `MEMORY_FILE_PATH='${notes}' exec '${process.execPath}' '${entry}'`;
  writeFileSync(program, `#!/bin/sh\n${line}\n`, { mode: 0o700 });
  return program;
}
