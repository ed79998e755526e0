import { lookBefore, type ObservedRows } from "./look.ts";
import { Refused, type SqlRefusal } from "./refusal.ts";
import { refusalOfSealed, type Readable } from "./sealed.ts";
import { expectWritable, type Writable } from "./writable.ts";
import { readWrite, type Write } from "./write.ts";

/**
 * The connector's own look at a write, whatever the gateway thought of it: one statement, of allowed
 * nodes only, of columns that this connector lists for it, observed by their key and in full. Null: it
 * may run.
 */
export function refusalOfWrite(
  text: string,
  observe: ObservedRows,
  readable: Readable,
  listed: ReadonlyMap<string, Writable>,
): SqlRefusal | null {
  try {
    const write = readWrite(text);
    const { schema, name, start } = write.relation;
    const id = `${schema ?? ""}.${name}`;
    const [columns, writable] = [readable.get(id), listed.get(id)];
    if (columns === undefined || writable === undefined || observe.relation !== id) {
      return "relation_unknown";
    }
    expectWritable(write, columns, writable);
    if (!isObserved(write, observe, columns, writable)) throw new Refused("write_denied", start);
    if (write.condition === null) return null;
    const named = [...new Set(write.read.map((one) => one.name))];
    const look = lookBefore({ ...observe, columns: named }, write.alias, write.condition);
    return refusalOfSealed(look, readable, null);
  } catch (error) {
    if (error instanceof Refused) return error.code;
    throw error;
  }
}

function isObserved(
  { verb, written }: Write,
  { key, columns, ignore, also }: ObservedRows,
  readable: ReadonlySet<string>,
  writable: Writable,
): boolean {
  const seen = new Set(columns);
  const ignored = new Set(ignore);
  const shown = new Set([...written, ...(verb === "insert" ? [] : key)]);
  return (
    key.length === writable.key.length &&
    key.every((one, at) => one === writable.key[at]) &&
    seen.size === columns.length &&
    seen.isSubsetOf(readable) &&
    new Set([...key, ...written]).isSubsetOf(seen) &&
    ignored.isSubsetOf(seen) &&
    ignored.isDisjointFrom(shown) &&
    new Set(also).isSubsetOf(writable.also)
  );
}
