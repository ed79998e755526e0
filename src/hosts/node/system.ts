import { randomBytes } from "node:crypto";
import { uuidv7obj } from "uuidv7";
import type { System } from "../../gateway/ports.ts";
import type { Clock } from "../../tunnel/socket.ts";
import { sha256 } from "./keys.ts";

/** The clock is injected: a test composes the host with another one; the binary has no switch. */
export function nodeSystem(clock: Clock): System {
  return {
    now: () => clock.now(),
    elapsed: () => clock.elapsed(),
    id: (prefix) => `${prefix}_${uuidv7obj().toHex()}`,
    salt: () => randomBytes(16).toString("hex"),
    sha256,
  };
}
