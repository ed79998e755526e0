/**
 * A request that did not become a recorded call: refused, malformed or unreachable. Outcomes of
 * calls, denials included, are values and never thrown.
 */
export class PosternError extends Error {
  override readonly name = "PosternError";
  /** OAuth error code, problem type of the gateway, or `unreachable` / `bad_answer`. */
  readonly code: string;
  /** HTTP status; null when there was no answer. */
  readonly status: number | null;
  /** The answer's document, for example with the reason trust gave. */
  readonly details: unknown;

  constructor(code: string, status: number | null, message: string, details: unknown = null) {
    super(message);
    this.code = code;
    this.status = status;
    this.details = details;
  }
}
