import { type Schema, Validator } from "@cfworker/json-schema";
import type { Answer } from "./http.ts";

interface Document {
  readonly openapi: string;
  readonly servers: readonly { readonly url: string }[];
  readonly paths: { readonly [path: string]: { readonly [method: string]: Operation } };
}

interface Operation {
  readonly operationId: string;
  readonly responses: {
    readonly [status: string]: {
      readonly content?: { readonly [type: string]: { schema: Schema } };
    };
  };
}

/** The published OpenAPI document, held against what the gateway really answers. */
export class Contract {
  readonly document: Document;
  /** `<operationId> <status>` of every answer that was compared with a schema. */
  readonly seen = new Set<string>();
  readonly #origin: string;
  readonly #validators = new Map<string, Validator>();

  constructor(origin: string, document: unknown) {
    this.#origin = origin;
    this.document = document as Document;
  }

  check(method: string, url: string, answer: Answer): void {
    if (!url.startsWith(`${this.#origin}/`)) return;
    const path = new URL(url).pathname;
    const operation = this.#operation(method.toLowerCase(), path);
    if (operation === null) return;
    const { operationId, responses } = operation;
    const key = String(answer.status) in responses ? String(answer.status) : "default";
    const content = responses[key]?.content;
    if (content === undefined) return;
    const type = (answer.headers.get("content-type") ?? "").split(";", 1)[0] ?? "";
    const schema = content[type]?.schema;
    if (schema === undefined) {
      throw new Error(
        `${operationId} ${answer.status}: ${type || "no content type"} is undocumented`,
      );
    }
    const { valid, errors } = this.#validator(`${operationId} ${key} ${type}`, schema).validate(
      answer.body,
    );
    if (!valid) {
      const where = errors.map(({ instanceLocation, error }) => `${instanceLocation} ${error}`);
      throw new Error(`${operationId} ${answer.status} breaks its schema:\n${where.join("\n")}`);
    }
    this.seen.add(`${operationId} ${answer.status}`);
  }

  #operation(method: string, path: string): Operation | null {
    for (const [template, operations] of Object.entries(this.document.paths)) {
      const pattern = new RegExp(`^${template.replaceAll(/\{\w+\}/g, "[^/]+")}$`);
      const operation = pattern.test(path) ? operations[method] : undefined;
      if (operation !== undefined) return operation;
    }
    return null;
  }

  #validator(key: string, schema: Schema): Validator {
    let validator = this.#validators.get(key);
    if (validator === undefined) {
      validator = new Validator(schema, "2020-12", false);
      this.#validators.set(key, validator);
    }
    return validator;
  }
}
