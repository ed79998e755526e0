import { spawn } from "node:child_process";
import { parseArgs } from "node:util";

/** `npm run test:crash -- [--kills N] [--seed N]`: the kill test as often as one likes. */
const { values } = parseArgs({
  options: { kills: { type: "string", default: "50" }, seed: { type: "string" } },
});

const env = {
  ...process.env,
  POSTERN_KILLS: values.kills,
  ...(values.seed !== undefined && { POSTERN_SEED: values.seed }),
};
const vitest = ["node_modules/vitest/vitest.mjs", "run", "test/crash"];
spawn(process.execPath, vitest, { env, stdio: "inherit" }).once("exit", (code) => {
  process.exitCode = code ?? 1;
});
