import type { Action, Tier } from "../../core/model/policy.ts";
import type { HttpMethod } from "../bundle/model.ts";
import { snake } from "./text.ts";

/** How much harm a value does in wrong hands, as far as its name tells. */
export const SENSITIVITIES = ["record", "personal", "secret"] as const;
export type Sensitivity = (typeof SENSITIVITIES)[number];

const SECRET =
  /(?:^|_)(?:passwords?|passwd|passphrases?|secrets?|tokens?|api_?keys?|private_keys?|credentials?|cvv|cvc|pin|mnemonic)(?:_|$)/;
const PERSONAL =
  /(?:^|_)(?:ssn|social_security|e_?mails?|phones?|mobile|birth(?:day|date)?|date_of_birth|dob|iban|bic|card_number|account_number|passport|tax_id|national_id|salary|street|postal_code|address_lines?\d*)(?:_|$|\d)/;
/** Tokens that mark a place in a list, and nothing else. */
const CURSOR = /(?:^|_)(?:page|next|previous|prev|continuation|cursor|sync)_tokens?(?:_|$)/;

export function sensitivityOf(name: string): Sensitivity {
  const words = snake(name);
  if (SECRET.test(words) && !CURSOR.test(words)) return "secret";
  return PERSONAL.test(words) ? "personal" : "record";
}

const TIER_OF = {
  record: "internal",
  personal: "confidential",
  secret: "critical",
} as const satisfies Record<Sensitivity, Tier>;

export function tierOf(levels: Iterable<Sensitivity>): Tier {
  const worst = Math.max(0, ...[...levels].map((level) => SENSITIVITIES.indexOf(level)));
  return TIER_OF[SENSITIVITIES[worst] ?? "secret"];
}

const ASKS =
  /(?:^|_)(?:search|query|queries|find|list|lookup|get|count|preview|validate|calculate|estimate|read|fetch|stats)(?:_|$)/;
const DOES =
  /(?:^|_)(?:send|run|start|stop|restart|cancel|execute|invoke|publish|trigger|deploy|pay|refund|transfer|submit|charge|void|rotate|reset|sync|purge|shutdown|quit|move|copy|terminate)(?:_|$)/;

const PAGING =
  /^(?:page|per_page|page_(?:size|number|token)|limit|offset|skip|cursor|after|before|(?:starting|ending)_(?:after|before)|continuation_token|max_results)$/;

/** Whether an argument chooses which part of a list comes, as far as its name tells. */
export function isPaging(name: string): boolean {
  return PAGING.test(snake(name));
}

/**
 * A guess for a person to confirm. A POST that looks like a question may be one; whatever changes
 * something that no preview could show is `execute`.
 */
export function actionOf(method: HttpMethod, operationId: string, path: string): Action {
  if (method === "GET") return "read";
  const last = path.split("/").findLast((segment) => segment !== "" && !segment.startsWith("{"));
  const words = `${snake(operationId)}_${snake(last ?? "")}`;
  if (method === "POST" && ASKS.test(words) && !DOES.test(words)) return "read";
  return method === "POST" && DOES.test(words) ? "execute" : "mutate";
}
