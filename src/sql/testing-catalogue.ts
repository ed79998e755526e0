import type { Catalogue, Relation } from "./catalogue.ts";

/** Columns as `name` or `name:class`; the relation's own class is the first part of its name. */
export function catalogueOf(relations: { readonly [id: string]: readonly string[] }): Catalogue {
  return {
    relations: new Map(
      Object.entries(relations).map(([id, columns]): [string, Relation] => {
        const [schema = "", name = ""] = id.split(".");
        const dataClass = name;
        return [
          id,
          {
            ...{ id, schema, name, dataClass },
            columns: new Map(
              columns.map((one) => {
                const [column = "", own = dataClass] = one.split(":");
                return [column, { id: `${id}.${column}`, dataClass: own }];
              }),
            ),
          },
        ];
      }),
    ),
  };
}

/** A shop; e-mail addresses and margins are not for everybody. The table has a column more. */
export const SHOP = catalogueOf({
  "shop.customer": ["id", "name", "city", "email:contact", "since"],
  "shop.order": ["id", "customer_id", "placed_on", "status", "cents", "margin:secret", "note"],
  "shop.Odd Name": ["Id", "user"],
  "other.customer": ["id"],
});

/** Each customer has a `hidden` that the catalogue does not know. */
export const SHOP_SQL = `
  create schema shop; create schema other;
  create table shop.customer (id int primary key, name text, city text, email text, since date, hidden text);
  create table shop."order" (id int primary key, customer_id int, placed_on date, status text,
    cents int, margin int, note jsonb);
  create table shop."Odd Name" ("Id" int, "user" text);
  create table other.customer (id int);
  insert into shop.customer select n, 'name ' || n, (array['Bern', 'Rome', 'Oslo'])[n % 3 + 1],
    'mail' || n || '@secret.example', date '2020-01-01' + n * 40, 'hidden-' || n from generate_series(1, 12) n;
  insert into shop."order" select n, n % 12 + 1, date '2026-01-01' + n * 5, (array['paid', 'open'])[n % 2 + 1],
    n * 100, case when n = 7 then null else 90000 + n end, '{"k": 1}' from generate_series(1, 40) n;
  insert into shop."Odd Name" values (1, 'x');
  insert into other.customer values (1);
`;
