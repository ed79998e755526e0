import type { Clock } from "../../tunnel/socket.ts";

/** The platform's; in production it stands still between two I/Os, so no duration is ever too long. */
export const platformClock: Clock = {
  now: () => Date.now(),
  elapsed: () => performance.now(),
  after(ms, run) {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
};
