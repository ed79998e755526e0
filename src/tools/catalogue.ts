import type { BundleView, Tool } from "../core/model/bundle.ts";
import { isObject } from "../core/model/json.ts";
import { hasEffect } from "../core/model/policy.ts";
import type { ToolListing } from "../core/model/tool-listing.ts";
import type { Bundle, ToolRuntime } from "../gateway/ports.ts";
import { Ranking } from "./rank.ts";

/** One tool that people have reviewed, as every seat is shown it that may call it. */
export interface Offer {
  readonly tool: Tool;
  readonly listing: ToolListing;
}

/** What offering tools needs of a bundle, whoever asks. */
export interface Catalogue {
  /** By id. */
  readonly offers: readonly Offer[];
  readonly ranking: Ranking;
}

/** By view, which a bundle keeps however it is wrapped. Gone with it: nothing has to be invalidated. */
const catalogues = new WeakMap<BundleView, Catalogue>();

/** Worked out when a bundle is compiled, so that no seat's question waits for it, nor anybody behind it. */
export function catalogueOf(bundle: Bundle): Catalogue {
  let catalogue = catalogues.get(bundle.view);
  if (catalogue === undefined) {
    const offers = [...new Set(bundle.view.toolIds)]
      .sort()
      .flatMap((id) => bundle.tool(id) ?? [])
      .filter(({ tool }) => tool.reviewed)
      .map((runtime) => ({ tool: runtime.tool, listing: listing(runtime) }));
    catalogue = { offers, ranking: new Ranking(offers.map(({ listing }) => wordsOf(listing))) };
    catalogues.set(bundle.view, catalogue);
  }
  return catalogue;
}

/** The hints come from the bundle's action, which people reviewed, not from what a service claims. */
function listing({
  tool,
  title,
  description,
  inputSchema,
  outputSchema,
}: ToolRuntime): ToolListing {
  const effect = hasEffect(tool.action);
  return {
    name: tool.id,
    title,
    description,
    inputSchema,
    ...(outputSchema !== null && { outputSchema }),
    annotations: { readOnlyHint: !effect, destructiveHint: effect },
  };
}

function wordsOf({ name: id, title, description, inputSchema }: ToolListing) {
  const properties = inputSchema["properties"];
  const argumentNames = isObject(properties) ? Object.keys(properties) : [];
  return { id, title, description, argumentNames };
}
