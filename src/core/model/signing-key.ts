/**
 * The gateway's own keys, one ring a tenant and purpose: `credential` signs workflow credentials,
 * `call` signs call tokens and proves the gateway to connectors. A key is named by its RFC 7638
 * thumbprint.
 */
export const KEY_PURPOSES = ["credential", "call"] as const;
export type KeyPurpose = (typeof KEY_PURPOSES)[number];

/** Published and not signing yet; signing; not signing any more, and still believed. */
export const KEY_STATES = ["next", "active", "retiring"] as const;
export type KeyState = (typeof KEY_STATES)[number];
