import { isObject, type Json } from "../../core/model/json.ts";
import { LOCK_TARGETS } from "../../core/model/lock.ts";
import { isLockReason, LOCK_VALUES } from "../../core/model/lock-value.ts";
import { readJson } from "../rest/body.ts";
import { json, problem } from "../rest/problem.ts";
import type { Administration, NewLock } from "./ports.ts";

/** A lock for longer than this is one without an end. */
const MAX_LOCK_LIFE_MS = 365 * 24 * 60 * 60 * 1_000;

export async function addLock(
  admin: Administration,
  tenant: string,
  request: Request,
): Promise<Response> {
  const body = await readJson(request);
  if (!body.ok) return problem(body.problem);
  const wanted = newLock(tenant, body.value);
  if (!wanted.ok) return problem("invalid_request", { at: wanted.at });
  const added = await admin.addLock(tenant, wanted.lock);
  if (added.ok) return json({ ...added.lock, known: added.known }, 201);
  return problem(added.code === "too_many_locks" ? "conflict" : "unavailable");
}

export async function removeLock(
  admin: Administration,
  tenant: string,
  lock: string,
): Promise<Response> {
  const removed = await admin.removeLock(tenant, lock);
  if (removed === "unknown") return problem("not_found");
  return removed === "removed" ? json({ lock, removed: true }) : problem("unavailable");
}

/** Every mistake at once: who locks something is in a hurry. */
function newLock(
  tenant: string,
  body: Json,
): { readonly ok: true; readonly lock: NewLock } | { readonly ok: false; readonly at: string[] } {
  if (!isObject(body)) return { ok: false, at: [""] };
  const { target: wanted, value, reason, lifeMs, ...more } = body;
  const target = LOCK_TARGETS.find((one) => one === wanted);
  const fits =
    typeof value === "string" &&
    target !== undefined &&
    LOCK_VALUES[target].test(value) &&
    (target !== "tenant" || value === tenant);
  const explained = typeof reason === "string" && isLockReason(reason);
  const ends =
    lifeMs === undefined ||
    (Number.isSafeInteger(lifeMs) && Number(lifeMs) > 0 && Number(lifeMs) <= MAX_LOCK_LIFE_MS);
  // A member nobody knows may be the expiry, misspelt.
  const at = Object.keys(more).map((name) => `/${name}`);
  if (target === undefined) at.push("/target");
  else if (!fits) at.push("/value");
  if (!explained) at.push("/reason");
  if (!ends) at.push("/lifeMs");
  if (at.length > 0 || target === undefined || !fits || !explained) return { ok: false, at };
  return {
    ok: true,
    lock: { target, value, reason, lifeMs: lifeMs === undefined ? null : Number(lifeMs) },
  };
}
