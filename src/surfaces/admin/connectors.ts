import { json, problem } from "../rest/problem.ts";
import type { Administration, ConnectorFault } from "./ports.ts";

type Place = { readonly tenant: string; readonly connector: string };

export async function drainConnector(
  admin: Administration,
  { tenant, connector }: Place,
): Promise<Response> {
  const answer = await admin.drainConnector(tenant, connector);
  return typeof answer === "string" ? fault(answer) : json({ connector, ...answer });
}

export async function rotateConnector(
  admin: Administration,
  { tenant, connector }: Place,
): Promise<Response> {
  const answer = await admin.rotateConnector(tenant, connector);
  return typeof answer === "string" ? fault(answer) : json({ connector, ...answer });
}

export async function removeConnector(
  admin: Administration,
  { tenant, connector }: Place,
): Promise<Response> {
  const removed = await admin.removeConnector(tenant, connector);
  return removed ? json({ connector, removed: true }) : problem("not_found");
}

function fault(code: ConnectorFault): Response {
  return problem(code === "unknown" ? "not_found" : "conflict");
}
