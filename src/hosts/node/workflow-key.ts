import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  createSecretKey,
  hkdfSync,
  type KeyObject,
  randomBytes,
  randomFillSync,
} from "node:crypto";

const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** The random key of one workflow: its sealed rows are encrypted, its digests keyed, under it. */
export class WorkflowKey {
  readonly #seal: KeyObject;
  readonly #mac: KeyObject;
  /** SHA-256, hex: what the `workflow.opened` event commits to. */
  readonly digest: string;

  constructor(key: Buffer) {
    this.#seal = createSecretKey(derive(key, "postern seal"));
    this.#mac = createSecretKey(derive(key, "postern mac"));
    this.digest = createHash("sha256").update(key).digest("hex");
  }

  /** HMAC-SHA-256, hex. */
  mac(text: string): string {
    return createHmac("sha256", this.#mac).update(text).digest("hex");
  }

  /** The row's place is authenticated too: rows cannot be swapped within a workflow. */
  seal(place: string, text: string): Buffer {
    return encrypt(this.#seal, place, Buffer.from(text));
  }

  /** Null: not written under this key at this place. */
  open(place: string, bytes: Uint8Array): string | null {
    return decrypt(this.#seal, place, bytes)?.toString("utf8") ?? null;
  }
}

export function newKey(): Buffer {
  return randomBytes(32);
}

function derive(key: Buffer, purpose: string): Buffer {
  return Buffer.from(hkdfSync("sha256", key, "", purpose, 32));
}

/** Asking the system for 12 bytes costs about as much as for a thousand. */
const drawn = Buffer.alloc(256 * NONCE_BYTES);
let used = drawn.length;

/** Each is handed out once: two texts under one key and nonce would both lie open. */
function nextNonce(): Buffer {
  if (used === drawn.length) {
    randomFillSync(drawn);
    used = 0;
  }
  used += NONCE_BYTES;
  return drawn.subarray(used - NONCE_BYTES, used);
}

/** AES-256-GCM: nonce ‖ tag ‖ ciphertext. */
export function encrypt(key: Buffer | KeyObject, place: string, plain: Buffer): Buffer {
  const nonce = nextNonce();
  const cipher = createCipheriv("aes-256-gcm", key, nonce).setAAD(Buffer.from(place));
  const body = cipher.update(plain);
  const rest = cipher.final();
  return Buffer.concat([nonce, cipher.getAuthTag(), body, rest]);
}

export function decrypt(key: Buffer | KeyObject, place: string, bytes: Uint8Array): Buffer | null {
  if (bytes.length < NONCE_BYTES + TAG_BYTES) return null;
  const nonce = bytes.subarray(0, NONCE_BYTES);
  const tag = bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES);
  const decipher = createDecipheriv("aes-256-gcm", key, nonce, { authTagLength: TAG_BYTES })
    .setAAD(Buffer.from(place))
    .setAuthTag(tag);
  try {
    const body = decipher.update(bytes.subarray(NONCE_BYTES + TAG_BYTES));
    return Buffer.concat([body, decipher.final()]);
  } catch {
    return null;
  }
}
