import { type ParseError, parse } from "jsonc-parser";
import { z } from "zod";

/** As much of wrangler's configuration as is checked; wrangler itself checks the rest. */
const objects = z.object({
  bindings: z.array(z.object({ name: z.string(), class_name: z.string() })).default([]),
});
const service = z.object({ binding: z.string(), service_id: z.string() });
const network = z.object({ binding: z.string() });
const migration = z.object({ new_sqlite_classes: z.array(z.string()).default([]) });

const environment = z.object({
  define: z.record(z.string(), z.string()).default({}),
  durable_objects: objects.prefault({}),
  migrations: z.array(migration).optional(),
  secrets: z.object({ required: z.array(z.string()).default([]) }).prefault({}),
  vars: z.record(z.string(), z.unknown()).default({}),
  vpc_services: z.array(service).default([]),
  vpc_networks: z.array(network).default([]),
});
export type Environment = z.infer<typeof environment>;

const file = z.object({
  migrations: z.array(migration).default([]),
  env: z.record(z.string(), environment).default({}),
});

/** One environment of wrangler's file, with what it inherits. Null: it has none of this name. */
export function readEnvironment(text: string, name: string): Environment | null {
  const errors: ParseError[] = [];
  const value: unknown = parse(text, errors, { allowTrailingComma: true });
  if (errors.length > 0) throw new TypeError("no JSONC");
  const { migrations, env } = file.parse(value);
  const own = Object.hasOwn(env, name) ? env[name] : undefined;
  return own === undefined ? null : { ...own, migrations: own.migrations ?? migrations };
}
