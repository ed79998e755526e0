import { deployCheck } from "./run.ts";

/**
 * Whether what is configured could be deployed and would work, asked before anything leaves this machine.
 *
 *   npm run deploy:check                               the environment `production` of wrangler.jsonc
 *   npm run deploy:check -- --bundle TENANT=DIR …      with the bundle that each tenant is to have
 *   npm run deploy:check -- --config FILE --env NAME   of another file, another environment
 *
 * Exits 0, or 1 with all that is wrong, or 2 where the command line is.
 */
process.exitCode = await deployCheck(process.argv.slice(2), {
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
});
