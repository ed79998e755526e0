import type { Environment } from "./config.ts";
import type { Reader } from "./reader.ts";

/** `{ "env": "NAME" }`. A secret written into the file is refused: files are copied and committed. */
export function readSecret(reader: Reader, env: Environment): string | null {
  if (!reader.is("object")) {
    return reader.wrong("wrong_type", 'keep the secret in the environment: { "env": "NAME" }');
  }
  const variable = reader.required(reader.members(["env"]), "env", "the variable's name");
  const name = variable?.string(/^[A-Za-z_][A-Za-z0-9_]*$/, "the name of a variable");
  if (!variable || !name) return null;
  const value = env[name];
  if (value === undefined || value === "") {
    return variable.wrong("env_missing", `set ${name} in the connector's environment`);
  }
  return value;
}
