import { writeFileSync } from "node:fs";
import type { MiddlewareHandler } from "hono";

/** A whole request as it arrived, credentials and all. */
export interface LeakedRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: { readonly [name: string]: string };
  readonly body: string;
}

/**
 * The mistake everyone makes once: a debug switch that writes the last request to disk, call token
 * included. It is here on purpose, so that `thief/` has something to steal. The token in it is
 * spent, and that is why the theft leads nowhere.
 */
export function leakTo(path: string): MiddlewareHandler {
  return async (context, next) => {
    const request = context.req.raw.clone();
    await next();
    if (!context.res.ok) return;
    const leaked: LeakedRequest = {
      method: request.method,
      url: request.url,
      headers: Object.fromEntries(request.headers),
      body: await request.text(),
    };
    writeFileSync(path, JSON.stringify(leaked), { mode: 0o600 });
  };
}
