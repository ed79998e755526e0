import { isObject, type Json } from "../../core/model/json.ts";
import { KEY_PURPOSES } from "../../core/model/signing-key.ts";
import { readJson } from "../rest/body.ts";
import { json, problem } from "../rest/problem.ts";
import type { Administration, Rotation } from "./ports.ts";

export async function rotateKeys(
  admin: Administration,
  tenant: string,
  request: Request,
): Promise<Response> {
  const body = await readJson(request);
  if (!body.ok) return problem(body.problem);
  const wanted = rotationOf(body.value);
  if (!wanted.ok) return problem("invalid_request", { at: wanted.at });
  const answer = await admin.rotateKeys(tenant, wanted.rotation);
  if (answer.ok) return json({ keys: answer.keys, recorded: answer.recorded });
  return problem(answer.code === "too_many_keys" ? "conflict" : "unavailable");
}

function rotationOf(
  body: Json,
):
  | { readonly ok: true; readonly rotation: Rotation }
  | { readonly ok: false; readonly at: string[] } {
  if (!isObject(body)) return { ok: false, at: [""] };
  const { purpose: wanted, now = false, ...more } = body;
  const purposes =
    wanted === undefined ? KEY_PURPOSES : KEY_PURPOSES.filter((one) => one === wanted);
  const at = Object.keys(more).map((name) => `/${name}`);
  if (purposes.length === 0) at.push("/purpose");
  if (typeof now !== "boolean") at.push("/now");
  if (at.length > 0 || typeof now !== "boolean") return { ok: false, at };
  return { ok: true, rotation: { purposes, now } };
}
