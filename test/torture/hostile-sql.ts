/** Texts that want to write, escape, linger or take over, against the tables of `schema`. */
export interface HostileText {
  readonly name: string;
  readonly text: string;
  /** More than one statement: no bundle with it is published. */
  readonly several?: true;
  /** What it is by itself is allowed; what must not follow is that anything stays behind. */
  readonly harmless?: true;
  /** It runs until somebody ends it. */
  readonly endless?: true;
}

export function hostileTexts(schema: string, file: string, seconds: number): HostileText[] {
  const note = `${schema}.note`;
  return [
    { name: "COMMIT; DROP", text: `COMMIT; DROP TABLE ${note}`, several: true },
    { name: "a quote that closes", text: `'; DELETE FROM ${note}; --`, several: true },
    {
      name: "a data-modifying CTE",
      text: `with gone as (delete from ${note} returning text) select text from gone`,
    },
    { name: "pg_read_file", text: "select * from pg_read_file('/etc/passwd') as text" },
    {
      name: "COPY … TO PROGRAM",
      text: `copy (select text from ${note}) to program 'cat > ${file}'`,
    },
    { name: "COPY … TO a file", text: `copy ${note} to '${file}'` },
    { name: "EXPLAIN ANALYZE DELETE", text: `explain analyze delete from ${note}` },
    { name: "a leading comment", text: `/* select /* 1 */ */ -- select\n delete from ${note}` },
    { name: "pg_sleep", text: `select pg_sleep(${seconds})::text as text`, endless: true },
    { name: "SET ROLE", text: `set role ${schema}_writer` },
    { name: "SET SESSION AUTHORIZATION", text: "set session authorization default" },
    {
      name: "set_config of the role",
      text: `select set_config('role', '${schema}_writer', false) as text`,
      harmless: true,
    },
    {
      name: "pg_terminate_backend",
      text: "select pg_terminate_backend(pid)::text as text from pg_stat_activity where pid <> pg_backend_pid()",
      harmless: true,
    },
    { name: "SELECT … FOR UPDATE", text: `select text from ${note} for update` },
    { name: "SELECT … INTO", text: `select text into ${schema}.stolen from ${note}` },
    { name: "a function that writes", text: `select ${schema}.burn() as text` },
    { name: "SET TRANSACTION READ WRITE", text: "set transaction read write" },
    { name: "COMMIT AND CHAIN", text: "commit and chain" },
    { name: "DO", text: `do $$ begin delete from ${note}; commit; end $$` },
    { name: "LISTEN", text: "listen everything" },
  ];
}
