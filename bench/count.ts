import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

/** `count.ts DATA_DIR CONNECTOR_STATE_DIR`: what a run left behind, read from the disk. */
const [data = "", state = ""] = process.argv.slice(2);

const db = new DatabaseSync(join(data, "postern.db"), { readOnly: true });
const row = db.prepare("SELECT count(*) AS n FROM event WHERE type = 'call.admitted'").get();

/** Every call token a connector spent stands in its journal with its own `txn`. */
const spent = new Set<string>();
for (const entry of readdirSync(state, { recursive: true, withFileTypes: true })) {
  if (!entry.isFile()) continue;
  const text = readFileSync(join(entry.parentPath, entry.name), "utf8");
  for (const [txn] of text.matchAll(/txn_[0-9a-f]{32}/g)) spent.add(txn);
}
process.stdout.write(JSON.stringify({ admitted: Number(row?.["n"]), spent: spent.size }));
