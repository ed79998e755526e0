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
