import type { FailureCode } from "../core/model/outcome.ts";
import { PROHIBITED_CODE } from "./lookup.ts";

/** Codes of Node, OpenSSL and undici → the names of RFC 9209. Never by message text. */
const CODES: { readonly [code: string]: FailureCode } = {
  ECONNREFUSED: "connection_refused",
  ENOENT: "connection_refused",
  EACCES: "connection_refused",
  EHOSTUNREACH: "connection_refused",
  ENETUNREACH: "connection_refused",
  ETIMEDOUT: "connection_timeout",
  UND_ERR_CONNECT_TIMEOUT: "connection_timeout",
  CONNECT_TIMEOUT: "connection_timeout",
  [PROHIBITED_CODE]: "destination_ip_prohibited",
  ENOTFOUND: "dns_error",
  EAI_AGAIN: "dns_error",
  EAI_FAIL: "dns_error",
  EPROTO: "tls_certificate_error",
  CERT_CHAIN_TOO_LONG: "tls_certificate_error",
  CERT_HAS_EXPIRED: "tls_certificate_error",
  CERT_NOT_YET_VALID: "tls_certificate_error",
  CERT_REJECTED: "tls_certificate_error",
  CERT_REVOKED: "tls_certificate_error",
  CERT_SIGNATURE_FAILURE: "tls_certificate_error",
  CERT_UNTRUSTED: "tls_certificate_error",
  DEPTH_ZERO_SELF_SIGNED_CERT: "tls_certificate_error",
  ERROR_IN_CERT_NOT_AFTER_FIELD: "tls_certificate_error",
  ERROR_IN_CERT_NOT_BEFORE_FIELD: "tls_certificate_error",
  HOSTNAME_MISMATCH: "tls_certificate_error",
  INVALID_CA: "tls_certificate_error",
  INVALID_PURPOSE: "tls_certificate_error",
  PATH_LENGTH_EXCEEDED: "tls_certificate_error",
  SELF_SIGNED_CERT_IN_CHAIN: "tls_certificate_error",
  UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY: "tls_certificate_error",
  UNABLE_TO_DECRYPT_CERT_SIGNATURE: "tls_certificate_error",
  UNABLE_TO_GET_ISSUER_CERT: "tls_certificate_error",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "tls_certificate_error",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "tls_certificate_error",
  ERR_TLS_CERT_ALTNAME_INVALID: "tls_certificate_error",
  UND_ERR_HEADERS_OVERFLOW: "response_too_large",
  HPE_HEADER_OVERFLOW: "response_too_large",
  UND_ERR_RES_EXCEEDED_MAX_SIZE: "response_too_large",
};

/** Whatever has no better name ended a connection. */
export function networkFailure(error: unknown): FailureCode {
  const code = codeOf(error);
  if (code === null) return "connection_terminated";
  if (Object.hasOwn(CODES, code)) return CODES[code] ?? "connection_terminated";
  return code.startsWith("ERR_SSL_") || code.startsWith("ERR_TLS_")
    ? "tls_certificate_error"
    : "connection_terminated";
}

export function codeOf(error: unknown): string | null {
  if (typeof error !== "object" || error === null || !("code" in error)) return null;
  return typeof error.code === "string" ? error.code : null;
}
