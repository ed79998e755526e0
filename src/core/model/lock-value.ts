import type { LockTarget } from "./lock.ts";

/** What names each target; a lock on something else would hold nothing and look as if it did. */
export const LOCK_VALUES: { readonly [target in LockTarget]: RegExp } = {
  tenant: /^[a-z][a-z0-9-]{0,31}$/,
  human: /^[0-9a-f]{64}$/,
  agent: /^[a-z][a-z0-9-]{0,63}$/,
  key: /^[A-Za-z0-9_-]{43}$/,
  workflow: /^wf_[0-9a-f]{32}$/,
  tool: /^[a-z][a-z0-9_]{0,63}$/,
  definition: /^[0-9a-f]{64}$/,
  destination: /^[a-z][a-z0-9-]{0,63}$/,
  connector: /^con_[0-9a-f]{32}$/,
  bundle: /^[0-9a-f]{64}$/,
};

/** UTF-16 units of a reason. It is the operator's own text, the only one in the record. */
export const MAX_LOCK_REASON = 200;

/** One line of visible text: controls and direction marks would draw on the terminal that lists it. */
export function isLockReason(text: string): boolean {
  return (
    text.trim() !== "" &&
    text.length <= MAX_LOCK_REASON &&
    text.isWellFormed() &&
    !/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(text)
  );
}
