import type { Contract } from "./contract.ts";

/** One HTTP answer, read whole. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** Parsed where the answer is JSON of any kind; otherwise undefined. */
  readonly body: unknown;
}

/** No answer of the gateway may take longer than this, whatever was asked (P11). */
const ANSWER_TIMEOUT_MS = 45_000;

let contract: Contract | null = null;

/** From now on every answer of the gateway is held against its own OpenAPI document. */
export function holdTo(document: Contract | null): void {
  contract = document;
}

export async function send(url: string, init: RequestInit = {}): Promise<Answer> {
  const late = AbortSignal.timeout(ANSWER_TIMEOUT_MS);
  const response = await fetch(url, {
    redirect: "manual",
    ...init,
    signal: init.signal == null ? late : AbortSignal.any([late, init.signal]),
  });
  const text = await response.text();
  const type = response.headers.get("content-type") ?? "";
  const body: unknown = /[/+]json\b/.test(type) ? JSON.parse(text) : undefined;
  const answer = { status: response.status, headers: response.headers, text, body };
  contract?.check(init.method ?? "GET", url, answer);
  return answer;
}
