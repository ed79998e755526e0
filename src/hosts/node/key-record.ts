import type { KeyPurpose } from "../../core/model/signing-key.ts";
import type { KeyEvent } from "../../core/model/tenant-event.ts";
import type { Ring, RingChange } from "../../identity/key-ring.ts";

/** `lock`: what ended it; null: time did. */
export function eventOf(purpose: KeyPurpose, change: RingChange, lock: string | null): KeyEvent {
  const { kid: key } = change;
  switch (change.type) {
    case "published":
      return { type: "key.published", purpose, key, activeAt: change.activeAt };
    case "rotated":
      return { type: "key.rotated", purpose, key, previous: change.previous };
    case "retired":
      return { type: "key.retired", purpose, key, lock };
  }
}

/**
 * A ring is on the disk before its events are: those that a crash came before, from what stands in
 * both.
 */
export function unrecorded(
  purpose: KeyPurpose,
  recorded: readonly KeyEvent[],
  ring: Ring,
  lockOf: (kid: string) => string | null,
): readonly KeyEvent[] {
  const has = (type: KeyEvent["type"], kid: string): boolean =>
    recorded.some((event) => event.type === type && event.key === kid);
  const begun = ring.flatMap(({ kid, state, activeAt }, at): readonly RingChange[] => {
    if (state === "next") {
      return has("key.published", kid) ? [] : [{ type: "published", kid, activeAt }];
    }
    const previous = ring[at - 1]?.kid ?? null;
    return has("key.rotated", kid) ? [] : [{ type: "rotated", kid, previous }];
  });
  const ended = [...new Set(recorded.map(({ key }) => key))].filter(
    (kid) => !ring.some((key) => key.kid === kid) && !has("key.retired", kid),
  );
  return [
    ...begun.map((change) => eventOf(purpose, change, null)),
    ...ended.map((kid) => eventOf(purpose, { type: "retired", kid }, lockOf(kid))),
  ];
}
