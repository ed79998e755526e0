#!/usr/bin/env node
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** Plain JavaScript: this file also runs on a Node that is too old for everything else. */
const OLDEST_MAJOR = 24;
const at = (path) => fileURLToPath(new URL(path, import.meta.url));
const pinned = at("../node_modules/node/bin/node");

if (Number.parseInt(process.versions.node, 10) >= OLDEST_MAJOR) {
  // In a clone the sources run as they are; a published package holds only what was built of them,
  // because Node strips no types under node_modules.
  const entry = existsSync(at("../src/cli/main.ts")) ? "../src/cli/main.ts" : "../dist/cli/main.js";
  const { main } = await import(entry);
  process.exitCode = await main(process.argv.slice(2));
} else if (existsSync(pinned)) {
  const child = spawn(pinned, process.argv.slice(1), { stdio: "inherit" });
  // A terminal sends these to the whole group; a service manager only to this process.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
    process.on(signal, () => child.kill(signal));
  }
  child.on("exit", (code, signal) => {
    if (signal === null) process.exit(code ?? 1);
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
} else {
  process.stderr.write(
    `Postern needs Node ${OLDEST_MAJOR} or newer; this is Node ${process.versions.node}.\n` +
      "Install a newer Node from https://nodejs.org, or run `npm install` in the clone, which brings one.\n",
  );
  process.exitCode = 1;
}
