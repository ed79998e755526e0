import type { Presenter } from "../core/model/command.ts";
import type { Request } from "../core/model/operation.ts";
import { notDispatched, send, type Leaving } from "./outbound.ts";
import type { Gateway, OutboundAnswer, Session } from "./ports.ts";
import { submitted } from "./record.ts";

type Workflow = { readonly tenant: string; readonly human: string };

/**
 * To the connector that was chosen, and to another one of its network and tier where that one is gone: a
 * read, or a change that provably never began. Each time under a token of its own, which the record names
 * first, and all of it within the one deadline of the call: past it nothing leaves any more.
 */
export async function deliver(
  gateway: Gateway,
  workflow: Workflow,
  session: Session,
  admitted: Leaving,
  request: Request,
  until: number,
): Promise<OutboundAnswer> {
  let leaving = admitted;
  let answer: OutboundAnswer = notDispatched;
  for (;;) {
    const left = until - gateway.system.elapsed();
    if (left <= 0) return answer;
    answer = await send(gateway, workflow, session, leaving, request, left);
    const over = gateway.system.elapsed() >= until || leaving.cancelled?.aborted === true;
    if (answer.ok || over) return answer;
    if (!isGone(gateway, workflow.tenant, leaving.presenter, answer)) return answer;
    const moved = await move(gateway, workflow.tenant, session, leaving, answer.effect);
    if (moved === null) return answer;
    leaving = moved;
  }
}

/** The connector is, not what it should have done: nothing else would end otherwise at another one. */
function isGone(
  { connectors }: Gateway,
  tenant: string,
  { connector, session }: Presenter,
  { code }: Extract<OutboundAnswer, { readonly ok: false }>,
): boolean {
  if (code === "connector_lost" || code === "connector_unavailable") return true;
  // Also what a lock kept here was not dispatched; that connector is where it was.
  return code === "not_dispatched" && connectors.session(tenant, connector)?.session !== session;
}

/** Null: nobody else is there, or the call may not leave again. */
async function move(
  gateway: Gateway,
  tenant: string,
  session: Session,
  leaving: Leaving,
  effect: "none" | "possible",
): Promise<Leaving | null> {
  const { event, runtime } = leaving;
  const { network, tier } = runtime.tool.place;
  const presenter = gateway.connectors.choose(tenant, network, tier);
  if (presenter === null) return null;
  const { call } = event;
  const txn = gateway.system.id("txn");
  const resend = { type: "resend", call, operation: null, txn, presenter, effect } as const;
  const decided = await submitted(session, resend);
  const again = decided?.event?.event;
  if (decided?.result.kind !== "resent" || again?.type !== "call.resent") return null;
  const { lockEpoch } = again;
  return { ...leaving, presenter, event: { ...event, txn, ...presenter, lockEpoch } };
}
