import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  hkdfSync,
  randomBytes,
} from "node:crypto";

const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** The random key of one workflow: its sealed rows are encrypted, its digests keyed, under it. */
export class WorkflowKey {
  readonly #seal: Buffer;
  readonly #mac: Buffer;
  /** SHA-256, hex: what the `workflow.opened` event commits to. */
  readonly digest: string;

  constructor(key: Buffer) {
    this.#seal = derive(key, "postern seal");
    this.#mac = derive(key, "postern mac");
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

/** AES-256-GCM: nonce ‖ tag ‖ ciphertext. */
export function encrypt(key: Buffer, place: string, plain: Buffer): Buffer {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv("aes-256-gcm", key, nonce).setAAD(Buffer.from(place));
  const body = Buffer.concat([cipher.update(plain), cipher.final()]);
  return Buffer.concat([nonce, cipher.getAuthTag(), body]);
}

export function decrypt(key: Buffer, place: string, bytes: Uint8Array): Buffer | null {
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
