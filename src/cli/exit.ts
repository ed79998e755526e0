/** Exit codes of every command; README says the same. */
export const EXIT = {
  ok: 0,
  /** The command ran and the answer is no: mistakes, findings, a denial, a difference. */
  no: 1,
  /** The command line is wrong. */
  usage: 2,
  /** The gateway, a file or the network could not be reached. */
  unreachable: 3,
} as const;

/** A failure with words for a person; never a stack trace. */
export class CliError extends Error {
  override readonly name = "CliError";
  readonly exitCode: number;

  constructor(message: string, exitCode: number = EXIT.unreachable) {
    super(message);
    this.exitCode = exitCode;
  }
}
