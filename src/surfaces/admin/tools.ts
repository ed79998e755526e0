import { isObject } from "../../core/model/json.ts";
import { isLockReason } from "../../core/model/lock-value.ts";
import type { ToolView } from "../../policy/inventory.ts";
import { readJson } from "../rest/body.ts";
import { json, problem } from "../rest/problem.ts";
import type { Administration } from "./ports.ts";

export function listInventory(admin: Administration, tenant: string): Response {
  const inventory = admin.inventory(tenant);
  return inventory === null ? problem("conflict") : json(inventory);
}

export function showTool(admin: Administration, { tenant, tool }: Named): Response {
  const inventory = admin.inventory(tenant);
  if (inventory === null) return problem("conflict");
  const found = inventory.tools.find((one) => one.tool === tool);
  return found === undefined ? problem("not_found") : json(found);
}

/** A lock on the tool, until somebody removes it: no name that is only spelt like one. */
export async function quarantineTool(
  admin: Administration,
  { tenant, tool }: Named,
  request: Request,
): Promise<Response> {
  const body = await readJson(request);
  if (!body.ok) return problem(body.problem);
  const { reason, ...more } = isObject(body.value) ? body.value : {};
  if (typeof reason !== "string" || !isLockReason(reason) || Object.keys(more).length > 0) {
    return problem("invalid_request", { at: ["/reason"] });
  }
  const inventory = admin.inventory(tenant);
  if (inventory === null) return problem("conflict");
  if (!inventory.tools.some((one: ToolView) => one.tool === tool)) return problem("not_found");
  const added = await admin.addLock(tenant, { target: "tool", value: tool, reason, lifeMs: null });
  if (added.ok) return json(added.lock, 201);
  return problem(added.code === "too_many_locks" ? "conflict" : "unavailable");
}

interface Named {
  readonly tenant: string;
  readonly tool: string;
}
