import { Refused } from "./refusal.ts";

/** What may be asked of a database: bundle data of a destination, the same for gateway and check. */
export interface Catalogue {
  /** By `schema.name`. */
  readonly relations: ReadonlyMap<string, Relation>;
}

/** A table or a view; of a view nothing but its own columns counts. */
export interface Relation {
  /** `schema.name`. */
  readonly id: string;
  readonly schema: string;
  readonly name: string;
  /** What one learns of a row by seeing that it is there. */
  readonly dataClass: string;
  readonly columns: ReadonlyMap<string, Column>;
}

export interface Column {
  /** `schema.name.column`. */
  readonly id: string;
  readonly dataClass: string;
}

/** By its name, with or without a schema (empty); what is not there, or there twice, is refused. */
export function lookUp<R extends Relation>(
  { relations }: { readonly relations: ReadonlyMap<string, R> },
  schema: string,
  name: string,
  at: number,
): R {
  const found = [...relations.values()].filter(
    (one) => one.name === name && (schema === "" || one.schema === schema),
  );
  const [relation] = found;
  if (relation === undefined) throw new Refused("relation_unknown", at);
  if (found.length > 1) throw new Refused("relation_ambiguous", at);
  return relation;
}
