import type { JsonObject } from "../core/model/json.ts";
import { rowChange } from "../core/model/row-change.ts";
import { Lru } from "../identity/lru.ts";
import type { WriteTemplate } from "../policy/bundle/model.ts";
import type { RefusedQuery } from "../sql/guard.ts";
import { guardWrite, type GuardedWrite, type WriteCatalogue } from "../sql/guard-write.ts";
import { MAX_QUERIES } from "./limits.ts";
import type { PreviewKind, Seen } from "./preview.ts";
import { textOf, valuesOf, type Statement } from "./statement.ts";

/** One tool whose agent writes a change. */
export interface WriteStatement extends Statement {
  readonly preview: PreviewKind;
}

export function compileWrite(template: WriteTemplate, destination: string): WriteStatement {
  const { statement, maxRows, params } = template;
  const catalogue = catalogueOf(template);
  const known = new Lru<GuardedWrite | RefusedQuery>(MAX_QUERIES);
  const read = (args: JsonObject): GuardedWrite | RefusedQuery => {
    const text = textOf(args[statement]);
    const parameters = valuesOf(args, params).length;
    // The whole text: of two with one digest, the second would run as the first.
    const key = `${parameters} ${text}`;
    const found = known.get(key) ?? guardWrite(text, catalogue, { parameters, maxRows });
    known.set(key, found);
    return found;
  };
  const accepted = (args: JsonObject): GuardedWrite => {
    const found = read(args);
    if (!found.ok) throw new TypeError("a refused statement is not sent");
    return found;
  };
  const renderer: Statement["renderer"] = {
    misplaced: () => [],
    render(args) {
      const write = accepted(args);
      const sql = {
        ...{ destination, statement: write.statement, params: valuesOf(args, params) },
        ...{ mode: "write" as const, maxRows, observe: write.observe },
      };
      return { operation: { sql }, body: null, contentType: null };
    },
  };
  return {
    argument: statement,
    read(args) {
      const found = read(args);
      if (!found.ok) return found;
      const { relation, columns, written, verb, classes } = found;
      return {
        ok: true,
        classes,
        policyArguments: { relations: [relation], columns, written, verb },
      };
    },
    renderer,
    preview: {
      bound: true,
      schema: template.preview.schema,
      ignored: new Set(),
      misplaced: () => [],
      request: (args) => renderer.render(args, {}, ""),
      see({ observed }, args): Seen {
        if (observed === undefined) return { ok: false, code: "preview_unavailable" };
        const seen = rowChange(observed.before, observed.after, accepted(args).observe);
        if (seen === null) return { ok: false, code: "output_invalid" };
        return { ok: true, ...seen, etag: null };
      },
    },
  };
}

function catalogueOf({ relations }: WriteTemplate): WriteCatalogue {
  return {
    relations: new Map(
      relations.map((one) => {
        const { schema, name, dataClass, columns, key, insert, update, also, volatile } = one;
        const id = `${schema}.${name}`;
        const all = columns.map(
          (column) =>
            [column.name, { id: `${id}.${column.name}`, dataClass: column.dataClass }] as const,
        );
        const writable = {
          ...{ key, insert: new Set(insert), update: new Set(update), delete: one.delete },
          also: new Set(also),
        };
        const relation = { id, schema, name, dataClass, columns: new Map(all) };
        return [id, { ...relation, writable, volatile: new Set(volatile) }];
      }),
    ),
  };
}
