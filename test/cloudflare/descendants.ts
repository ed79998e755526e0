import { readFileSync } from "node:fs";

/** Everybody whom a process started, and they in turn: `wrangler dev` runs workerd as a child of a child. */
export function descendants(pid: number): number[] {
  let text = "";
  try {
    text = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8");
  } catch {
    // It has ended.
  }
  const children = text.split(" ").filter(Boolean).map(Number);
  return children.flatMap((child) => [child, ...descendants(child)]);
}
