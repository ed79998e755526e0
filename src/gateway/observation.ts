import type { Change } from "../core/model/change.ts";
import { canonical, isObject, type Json, type JsonObject } from "../core/model/json.ts";
import type { PreviewSeal } from "../core/model/operation.ts";
import type { Gateway, Observation, Session } from "./ports.ts";

/** What has to happen, without values. */
export function sealOf(
  gateway: Gateway,
  change: Change,
  etag: string | null = null,
  salt: string = gateway.system.salt(),
): PreviewSeal {
  return { changes: gateway.system.sha256(canonical(change)), etag, salt };
}

/** As it is sealed with the end of its call: with the arguments, so that it can be undone. */
export function toKept(args: JsonObject, observation: Observation, salt: string | null): Json {
  const { before, after, change, etag, classes } = observation;
  return { arguments: args, before, after, change, etag, classes, salt } as unknown as Json;
}

export type KeptObservation = Observation & {
  readonly arguments: JsonObject;
  /** Of the seal that humans approved; null: nobody was asked. */
  readonly salt: string | null;
};

/** Null: there was none, or it is no longer kept. */
export async function keptObservation(
  session: Session,
  call: string,
): Promise<KeptObservation | null> {
  const kept = await session.kept(call, "observation");
  // Written by `toKept` and authenticated where it lay.
  return isObject(kept) ? (kept as unknown as KeptObservation) : null;
}
