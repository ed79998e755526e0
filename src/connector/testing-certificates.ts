import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
} from "node:crypto";
import { isIP } from "node:net";

/** Certificates of RFC 5280, made here so that no test needs a tool or a file that expires. */
export interface Issued {
  readonly cert: string;
  readonly key: string;
}

interface Wish {
  /** Names and addresses it is good for. */
  readonly names?: readonly string[];
  readonly from?: Date;
  readonly until?: Date;
}

const DAY_MS = 86_400_000;

export class Authority {
  readonly #name: Buffer;
  readonly #key: KeyObject;
  readonly cert: string;
  #serial = 1;

  constructor(name: string, own?: Issued) {
    const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    this.#name = distinguished(name);
    this.#key = own === undefined ? privateKey : createPrivateKey(own.key);
    this.cert = own?.cert ?? this.#issue(this.#name, privateKey, [basic(true)], {});
  }

  issue(name: string, wish: Wish = {}): Issued {
    const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const { names = [] } = wish;
    const extensions = [basic(false), ...(names.length > 0 ? [alternative(names)] : [])];
    const cert = this.#issue(distinguished(name), privateKey, extensions, wish);
    return { cert, key: privateKey.export({ format: "pem", type: "pkcs8" }).toString() };
  }

  #issue(subject: Buffer, key: KeyObject, extensions: readonly Buffer[], wish: Wish): string {
    const { from = new Date(Date.now() - DAY_MS), until = new Date(Date.now() + DAY_MS) } = wish;
    const body = sequence(
      der(0xa0, der(0x02, Buffer.from([2]))),
      der(0x02, Buffer.from([this.#serial++])),
      ECDSA_SHA256,
      this.#name,
      sequence(time(from), time(until)),
      subject,
      createPublicKey(key).export({ format: "der", type: "spki" }),
      der(0xa3, sequence(...extensions)),
    );
    const signature = sign("sha256", body, this.#key);
    const bytes = sequence(body, ECDSA_SHA256, der(0x03, Buffer.from([0]), signature));
    const lines = bytes.toString("base64").match(/.{1,64}/g) ?? [];
    return `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`;
  }
}

/** Tag, length, contents (X.690). */
function der(tag: number, ...contents: readonly Buffer[]): Buffer {
  const body = Buffer.concat(contents);
  if (body.length < 128) return Buffer.concat([Buffer.from([tag, body.length]), body]);
  const length = Buffer.from([0x82, body.length >> 8, body.length & 0xff]);
  return Buffer.concat([Buffer.from([tag]), length, body]);
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return der(0x30, ...parts);
}

function oid(...bytes: readonly number[]): Buffer {
  return der(0x06, Buffer.from(bytes));
}

const ECDSA_SHA256 = sequence(oid(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02));

function distinguished(name: string): Buffer {
  return sequence(der(0x31, sequence(oid(0x55, 0x04, 0x03), der(0x0c, Buffer.from(name)))));
}

function time(at: Date): Buffer {
  const text = at.toISOString().replace(/[-:T]|\.\d+/g, "");
  return der(0x18, Buffer.from(text));
}

function basic(authority: boolean): Buffer {
  const value = authority ? sequence(der(0x01, Buffer.from([0xff]))) : sequence();
  return sequence(oid(0x55, 0x1d, 0x13), der(0x01, Buffer.from([0xff])), der(0x04, value));
}

function alternative(names: readonly string[]): Buffer {
  const all = names.map((name) =>
    isIP(name) === 4
      ? der(0x87, Buffer.from(name.split(".").map(Number)))
      : der(0x82, Buffer.from(name)),
  );
  return sequence(oid(0x55, 0x1d, 0x11), der(0x04, sequence(...all)));
}
