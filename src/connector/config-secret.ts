import { isAbsolute, resolve } from "node:path";
import type { Place } from "./config.ts";
import type { Reader } from "./reader.ts";
import { Secret, type SecretSource } from "./secret.ts";

const HINT = '{ "env": "NAME" }, { "file": "PATH" } or { "command": ["/PROGRAM", "ARGUMENT"] }';
/** CR LF in a header begins the next one. */
export const HEADER_VALUE = /^[\x20-\x7e]+$/;

/**
 * Where a secret comes from. One that is written into the file is refused: files are copied and
 * committed. `form` says what it may consist of; null: anything but NUL.
 */
export function readSecret(reader: Reader, place: Place, form: RegExp | null): Secret | null {
  if (!reader.is("object")) return reader.wrong("wrong_type", `keep the secret elsewhere: ${HINT}`);
  const members = reader.members(["env", "file", "command"]);
  const [only, ...others] = members;
  if (only === undefined || others.length > 0) {
    return reader.wrong("missing_key", `exactly one of ${HINT}`);
  }
  const valid = (value: string): boolean => (form ?? /^[^\0]+$/).test(value);
  const [name, member] = only;
  if (name === "env") return fromEnvironment(member, place, valid);
  const source = name === "file" ? readFileSource(member, place) : readCommand(member);
  if (source === null) return null;
  const fix =
    "this cannot be read just now, is empty, or holds characters that do not belong there";
  return Secret.read(source, valid) ?? member.wrong("secret_unreadable", fix);
}

function fromEnvironment(
  reader: Reader,
  { env }: Place,
  valid: (value: string) => boolean,
): Secret | null {
  const name = reader.string(/^[A-Za-z_][A-Za-z0-9_]*$/, "the name of a variable");
  if (name === null) return null;
  const value = env[name];
  if (value === undefined || value === "") {
    return reader.wrong("env_missing", `set ${name} in the connector's environment`);
  }
  if (valid(value)) return Secret.fixed(value);
  return reader.wrong("invalid_value", "the variable holds characters that do not belong there");
}

function readFileSource(reader: Reader, { folder }: Place): SecretSource | null {
  const path = reader.string(/^[^\0]+$/, "a file");
  return path === null ? null : { file: resolve(folder, path) };
}

function readCommand(reader: Reader): SecretSource | null {
  const [program, ...args] = reader.items().map((one) => one.string(/^[^\0]*$/, "a string"));
  // A name would be looked for in PATH, and found in whichever folder comes first.
  if (program && isAbsolute(program) && args.every((one) => one !== null)) {
    return { command: [program, ...args] };
  }
  return reader.wrong("invalid_value", 'the whole path first: ["/usr/bin/vault", "read", "…"]');
}
