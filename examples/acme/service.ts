/** What every process of Acme does the same way: say that it is up, and go when told. */

/** One JSON line on standard output, like Postern's own; whoever started the process waits for it. */
export function announce(facts: { readonly [name: string]: string | number | boolean }): void {
  process.stdout.write(`${JSON.stringify({ event: "ready", ...facts })}\n`);
}

/** Runs `stop` once, on the first signal that asks for it, and ends the process. */
export function untilStopped(stop: () => Promise<void>): void {
  let stopping = false;
  const end = (): void => {
    if (stopping) return;
    stopping = true;
    void stop().finally(() => process.exit(0));
  };
  process.on("SIGTERM", end);
  process.on("SIGINT", end);
}
