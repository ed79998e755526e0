import type { ObjectState } from "./platform.ts";

export const WORKFLOW = /^wf_[0-9a-f]{32}$/;

/** Tenants have no slash in their names, so no two pairs make one name. */
export function sessionName(tenant: string, workflow: string): string {
  return `${tenant}/${workflow}`;
}

/** An object that nobody named is none of ours. */
export function nameOf({ id }: Pick<ObjectState, "id">): string {
  if (id.name === undefined) throw new TypeError("an object without a name");
  return id.name;
}
