/**
 * The server these cases need: `scripts/with-postgres.sh` starts one. Without it they are skipped,
 * and say so; in CI (CI_POSTGRES=1) its absence is a failure.
 */
export function postgresUrl(): string | null {
  const url = process.env["POSTERN_TEST_PG_URL"];
  if (url !== undefined && url !== "") return url;
  if (process.env["CI_POSTGRES"] === "1") {
    throw new Error(
      "CI_POSTGRES=1 needs POSTERN_TEST_PG_URL: run through scripts/with-postgres.sh",
    );
  }
  process.stderr.write(
    "skipped: no PostgreSQL server; run these through scripts/with-postgres.sh\n",
  );
  return null;
}
