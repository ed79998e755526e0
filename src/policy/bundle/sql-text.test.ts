import { describe, expect, it } from "vitest";
import { readSql } from "./sql-text.ts";

describe("readSql", () => {
  it.each([
    ["select $1, $2, $1", [1, 2]],
    ["select '$1', \"$2\", $3 -- $4", [3]],
    ["select /* $1 /* $2 */ $3 */ $4", [4]],
    ["select $$ $1 $$, $a$ $2 $$ $a$, $3", [3]],
    ["select E'\\'$1', $2", [2]],
    ["select 'it''s $1', $2", [2]],
    ["select a$1, $2", [2]],
    ["select $1::int[$2]", [1, 2]],
    ["select $11 + $2", [2, 11]],
  ])("finds the parameters of %s", (text, parameters) => {
    expect(readSql(text)).toEqual({
      parameters,
      empty: false,
      several: false,
      unterminated: false,
    });
  });

  it.each(["select 1; drop table x", "select 1;;select 2", "select 1; -- x\n select 2", "a;'b'"])(
    "sees more than one statement in %s",
    (text) => {
      expect(readSql(text).several).toBe(true);
    },
  );

  it.each(["select 1;", "select 1 ; -- done", "select ';' /* ; */", "select $$;x$$ ;\n"])(
    "sees one statement in %s",
    (text) => {
      expect(readSql(text)).toMatchObject({ several: false, empty: false, unterminated: false });
    },
  );

  it.each(["", "   \n", "-- only a comment", "/* x */ ;"])("sees no statement in %j", (text) => {
    expect(readSql(text).empty).toBe(true);
  });

  it.each(["select 'x", 'select "x', "select $$x", "select /* /* */", "select E'\\'"])(
    "sees that %s does not end",
    (text) => {
      expect(readSql(text).unterminated).toBe(true);
    },
  );
});
