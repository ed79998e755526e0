import { main } from "../../src/cli/main.ts";
import { policyToJson } from "../../src/policy/cedar/engine.ts";

/**
 * `postern gateway run` whose policy engine traps on SIGUSR2: the real one, on a policy far beyond what
 * a bundle may hold, which fills the stack inside wasm. No call after that gets an answer out of it.
 */
const DEPTH = 2_000;

process.on("SIGUSR2", () => {
  try {
    policyToJson(
      `permit(principal,action,resource)when{${"(".repeat(DEPTH)}true${")".repeat(DEPTH)}};`,
    );
  } catch {
    process.stderr.write(`${JSON.stringify({ event: "test.trapped" })}\n`);
  }
});
process.exitCode = await main(process.argv.slice(2));
