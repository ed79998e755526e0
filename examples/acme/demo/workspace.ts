import { createHash, generateKeyPairSync } from "node:crypto";
import {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { applyEdits, modify } from "jsonc-parser";

/** Those of the bundle. */
const AGENTS = ["support-agent", "checker-agent", "ops-agent"] as const;

export class WorkspaceBusy extends Error {
  override readonly name = "WorkspaceBusy";
}

/** Where everything of one demo lives. Deleting the folder resets it. */
export class Workspace implements Disposable {
  readonly root: string;
  readonly #lock: DatabaseSync;

  constructor(root: string) {
    this.root = root;
    mkdirSync(root, { recursive: true, mode: 0o700 });
    this.#lock = lock(root);
    for (const folder of ["logs", "acme", "keys", "profiles", "connectors"]) {
      mkdirSync(join(root, folder), { recursive: true, mode: 0o700 });
    }
  }

  /** For another process of this demo; the lock also goes with its holder, however that ends. */
  [Symbol.dispose](): void {
    if (this.#lock.isOpen) this.#lock.close();
  }

  /** The gateway's own data folder: its record, its keys, its admin socket. */
  get data(): string {
    return join(this.root, "data");
  }

  get config(): string {
    return join(this.root, "postern.jsonc");
  }

  /** The bundle that `npm start` activates, to be edited freely. */
  get bundle(): string {
    return join(this.root, "bundle");
  }

  /** The same with one rule more. */
  get frozenBundle(): string {
    return join(this.root, "bundle-frozen");
  }

  /** What tickets leaks, and the thief finds. */
  get leak(): string {
    return join(this.root, "acme", "tickets-debug.json");
  }

  log(name: string): string {
    return join(this.root, "logs", `${name}.log`);
  }

  acme(name: string): string {
    return join(this.root, "acme", name);
  }

  profile(person: string): string {
    return join(this.root, "profiles", `${person}.jsonc`);
  }

  connector(name: string): string {
    return join(this.root, "connectors", `${name}.jsonc`);
  }

  connectorState(name: string): string {
    return join(this.root, "connectors", `${name}-state`);
  }

  agentKey(agent: string): string {
    return join(this.root, "keys", `${agent}.jwk.json`);
  }

  /**
   * At the first start: a key pair for each agent, and working copies of the bundles with the public
   * halves. Later starts leave all of it as the user left it.
   */
  prepareBundles(): void {
    if (existsSync(this.bundle)) return;
    const source = join(import.meta.dirname, "..");
    const template = readFileSync(join(source, "bundle", "agents.jsonc"), "utf8");
    const agents = AGENTS.reduce(
      (text, agent) => withKey(text, agent, this.#newKey(agent)),
      template,
    );
    const copy = (target: string, ...layers: string[]): void => {
      const unfinished = `${target}.new`;
      for (const layer of layers) cpSync(join(source, layer), unfinished, { recursive: true });
      writeFileSync(join(unfinished, "agents.jsonc"), agents);
      rmSync(target, { recursive: true, force: true });
      renameSync(unfinished, target);
    };
    copy(this.frozenBundle, "bundle", "bundle-frozen");
    // Last, because its presence says that all of this is done.
    copy(this.bundle, "bundle");
  }

  /**
   * Connectors pin, when they are enrolled, which gateway may give them tokens. One that comes back
   * under another address is another gateway: they have to be enrolled again.
   */
  forgetConnectors(names: readonly string[]): void {
    for (const name of names) {
      rmSync(this.connectorState(name), { recursive: true, force: true });
    }
  }

  #newKey(agent: string): JsonWebKey {
    const { privateKey, publicKey } = generateKeyPairSync("ed25519");
    const jwk = publicKey.export({ format: "jwk" });
    const thumbprint = JSON.stringify({ crv: jwk.crv, kty: jwk.kty, x: jwk.x });
    const named = {
      kid: createHash("sha256").update(thumbprint).digest("base64url"),
      alg: "EdDSA",
    };
    const secret = { ...privateKey.export({ format: "jwk" }), ...named };
    writeFileSync(this.agentKey(agent), `${JSON.stringify(secret, null, 2)}\n`, { mode: 0o600 });
    return { ...jwk, ...named };
  }
}

/** Two demos in one folder would take each other's sockets away. */
function lock(root: string): DatabaseSync {
  const database = new DatabaseSync(join(root, "lock.db"));
  try {
    database.exec("pragma busy_timeout = 0; begin exclusive");
    return database;
  } catch {
    database.close();
    throw new WorkspaceBusy(`another demo runs in ${root}: stop it, or give --data another folder`);
  }
}

/** Keeps the file's comments. */
function withKey(agents: string, agent: string, key: JsonWebKey): string {
  const edits = modify(agents, ["agents", agent, "keys"], [key], {
    formattingOptions: { insertSpaces: true, tabSize: 2 },
  });
  return applyEdits(agents, edits);
}

/** Fills `"{{name}}"` in a template, quotes included, so that numbers stay numbers. */
export function fill(
  template: string,
  values: { readonly [name: string]: string | number | boolean },
): string {
  return template.replaceAll(/"\{\{(\w+)\}\}"/g, (_, name: string) => {
    const value = Object.hasOwn(values, name) ? values[name] : undefined;
    if (value === undefined) throw new Error(`the template asks for ${name}, which is not known`);
    return JSON.stringify(value);
  });
}
