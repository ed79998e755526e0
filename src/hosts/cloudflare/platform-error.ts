import type { FailureCode } from "../../core/model/outcome.ts";

/**
 * RFC 9209, section 2.3: what Workers VPC calls the ways in which it finds nobody, and what an agent is
 * told. Which of them a call could have met elsewhere, too, has its own name there.
 */
const ERRORS = {
  dns_timeout: "dns_error",
  dns_error: "dns_error",
  destination_not_found: "destination_not_found",
  destination_unavailable: "connection_refused",
  destination_ip_prohibited: "destination_ip_prohibited",
  destination_ip_unroutable: "destination_not_found",
  connection_refused: "connection_refused",
  connection_terminated: "connection_terminated",
  connection_timeout: "connection_timeout",
  connection_read_timeout: "connection_timeout",
  connection_write_timeout: "connection_timeout",
  connection_limit_reached: "busy",
  tls_protocol_error: "tls_certificate_error",
  tls_certificate_error: "tls_certificate_error",
  tls_alert_received: "tls_certificate_error",
  http_request_error: "connection_terminated",
  http_request_denied: "destination_ip_prohibited",
  http_response_incomplete: "connection_terminated",
  http_response_timeout: "connection_timeout",
  http_protocol_error: "connection_terminated",
  proxy_internal_response: "connection_terminated",
  proxy_internal_error: "connection_terminated",
  proxy_configuration_error: "destination_not_found",
  proxy_loop_detected: "destination_not_found",
} as const satisfies Record<string, FailureCode>;
export type PlatformError = keyof typeof ERRORS;

/** As the platform writes it: the code is the whole text, behind the name of the error. */
const WRITTEN = /^(?:Error: )?(?:ProxyError: )?([a-z_]{1,64})$/;
/** Longer than any name of an error. */
const MAX_TEXT = 128;

export function failureOf(error: PlatformError): FailureCode {
  return ERRORS[error];
}

/**
 * What `fetch` of a binding threw. The platform has no field for its code, so the text is read, but only for
 * a name of the list: nothing else of it goes anywhere (P10).
 */
export function platformError(error: unknown): PlatformError {
  if (error instanceof Error && error.name === "TimeoutError") return "connection_timeout";
  return named(error instanceof Error ? error.message : "") ?? "connection_terminated";
}

/**
 * Null: the answer may be the connector's. Against its documentation the platform was seen to answer 500 with its
 * error as a line of text, which no connector does; whoever pretends to be one gains a name in a log.
 */
export async function ownAnswer(response: Response): Promise<PlatformError | null> {
  const type = response.headers.get("content-type") ?? "";
  if (response.status < 500 || !type.startsWith("text/plain")) return null;
  return named(await beginning(response)) ?? "http_protocol_error";
}

function named(text: string): PlatformError | null {
  const name = WRITTEN.exec(text.trim())?.[1] ?? "";
  return Object.hasOwn(ERRORS, name) ? (name as PlatformError) : null;
}

/** Empty where it is longer than an error: then it is none. */
async function beginning(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length > MAX_TEXT) return "";
  }
  return text;
}
