import type { ArgumentSources, Presenter, Shaped } from "../core/model/command.ts";
import { canonical, type Json, type JsonObject } from "../core/model/json.ts";
import { operationDigest } from "../core/model/operation.ts";
import { hasEffect } from "../core/model/policy.ts";
import type { Bundle, Gateway, ToolRuntime } from "./ports.ts";

/** What had to be waited for. */
export interface LookedUp {
  readonly bundle: Bundle;
  /** Undefined: no such tool. */
  readonly runtime: ToolRuntime | undefined;
  readonly shape: ReturnType<ToolRuntime["shape"]> | undefined;
  readonly sources: ArgumentSources;
}

/** One call as the decider is told of it, under one bundle. */
export interface Prepared extends LookedUp {
  readonly shaped: Shaped | null;
  /** The connector that would serve it; null: none is here. */
  readonly presenter: Presenter | null;
}

/** Null: no bundle is active. */
export async function lookUp(
  gateway: Gateway,
  place: { readonly tenant: string; readonly workflow: string },
  request: { readonly tool: string; readonly arguments: Json },
): Promise<LookedUp | null> {
  const bundle = gateway.bundles.active(place.tenant);
  if (bundle === null) return null;
  const runtime = bundle.tool(request.tool);
  const shape = runtime?.shape(request.arguments);
  const texts = shape?.ok === true ? runtime?.sourceTexts(shape.args) : undefined;
  const sources = texts?.size ? await gateway.sources.lookup(place, texts) : {};
  return { bundle, runtime, shape, sources };
}

/**
 * Decide in the very turn in which this answers: bundle and connector are those of now. Null:
 * another bundle became active since it was looked up.
 */
export function prepared(gateway: Gateway, tenant: string, found: LookedUp): Prepared | null {
  const { bundle, runtime, shape, sources } = found;
  if (gateway.bundles.active(tenant) !== bundle) return null;
  return {
    ...found,
    shaped: shapedOf(gateway, bundle, tenant, runtime, shape, sources),
    presenter: runtime === undefined ? null : presenterOf(gateway, tenant, runtime),
  };
}

function presenterOf(gateway: Gateway, tenant: string, runtime: ToolRuntime): Presenter | null {
  const { network, tier } = runtime.tool.place;
  return gateway.connectors.choose(tenant, network, tier);
}

/**
 * What the decider is told of the arguments. A call with an effect is known again by its operation;
 * one without only where somebody could approve it, because hashing costs every read.
 */
function shapedOf(
  gateway: Gateway,
  bundle: Bundle,
  tenant: string,
  runtime: ToolRuntime | undefined,
  shape: ReturnType<ToolRuntime["shape"]> | undefined,
  sources: ArgumentSources,
): Shaped | null {
  if (runtime === undefined || shape === undefined) return null;
  if (!shape.ok) return shape;
  const { args, policyArguments, named } = shape;
  return {
    ok: true,
    policyArguments,
    operation: operationOf(gateway, bundle, tenant, runtime, args),
    target: runtime.target(args),
    sources,
    ...(named && { named }),
  };
}

function operationOf(
  gateway: Gateway,
  bundle: Bundle,
  tenant: string,
  runtime: ToolRuntime,
  args: JsonObject,
): string | null {
  const { sha256 } = gateway.system;
  if (hasEffect(runtime.tool.action)) {
    return operationDigest(sha256, runtime.request(args, {}, tenant).operation);
  }
  return bundle.view.approvalKinds.length > 0 ? sha256(canonical(args)) : null;
}
