/**
 * First module of every entry that is started with plain `node`. An old Node stops at the first
 * `.ts` file with an error about file extensions, which helps nobody: say what is wrong instead.
 * Plain JavaScript without new syntax, or it would be the first thing the old Node fails on.
 */
const OLDEST_MAJOR = 24;

if (Number.parseInt(process.versions.node, 10) < OLDEST_MAJOR) {
  process.stderr.write(
    [
      `Postern needs Node ${OLDEST_MAJOR} or newer; this is Node ${process.versions.node}.`,
      "The project brings its own. Install it with npm >= 10 and install scripts allowed:",
      "  npm install",
      "and run everything through npm, which puts it first: npm start, npm test, npm run postern.",
      "",
    ].join("\n"),
  );
  process.exit(1);
}
