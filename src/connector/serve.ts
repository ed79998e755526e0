import { destinationOf, operationDigest } from "../core/model/operation.ts";
import { verifyCallToken, type KeySource, type VerifiedCall } from "../sdk/verify.ts";
import type { ConnectorAnswer } from "../tunnel/protocol.ts";
import { refusalOf, sha256, type Refusal } from "./allow.ts";
import type { Destination } from "./config.ts";
import type { Job } from "./end.ts";
import { failure, type Executor } from "./executor.ts";
import type { Journal } from "./journal.ts";
import type { Log } from "./log.ts";

export interface Service {
  readonly keys: KeySource;
  readonly issuer: string;
  readonly audience: string;
  readonly tenant: string;
  readonly destinations: ReadonlyMap<string, Destination>;
  readonly executors: ReadonlyMap<string, Executor>;
  readonly journal: Pick<Journal, "started" | "done">;
  readonly log: Log;
}

/**
 * The path of one request: digest of what would be executed → token, which must be for exactly
 * that, for this session, and unspent → local allow-list → journal → effect. Answers in every case.
 */
export async function serve(service: Service, job: Job): Promise<ConnectorAnswer> {
  const { frame } = job;
  try {
    const operation = operationDigest(sha256, frame.operation);
    const verified = await verifyCallToken(frame.token, {
      keys: service.keys,
      issuer: service.issuer,
      audience: service.audience,
      tenant: service.tenant,
      presenter: job.presenter,
      operation,
      now: job.now(),
      spent: job.spent,
    });
    if (!verified.ok) {
      service.log("warn", "token_refused", { code: verified.code });
      // A spent token says that somebody came first, and not that nothing happened.
      return failure("token_refused", verified.code === "token_replayed" ? "possible" : "none");
    }
    // Cut or fenced while the token was verified: not even the journal hears of it.
    if (job.signal.aborted) return failure("deadline_exceeded", "none");
    const name = destinationOf(frame.operation);
    const refusal = refusalOf(frame, service.destinations.get(name));
    if (refusal !== null) return refused(service, verified, refusal);
    const executor = service.executors.get(name);
    if (executor === undefined) return refused(service, verified, "unknown_destination");
    return await execute(service, job, verified, executor);
  } catch {
    // A fault of ours. What it was stands nowhere near the request's values.
    service.log("error", "request_fault", {});
    return failure("internal_error", "possible");
  }
}

async function execute(
  service: Service,
  job: Job,
  verified: VerifiedCall,
  executor: Executor,
): Promise<ConnectorAnswer> {
  const { frame, signal } = job;
  const { call, txn, human, agent, workflow, claims } = verified;
  const answer = await executor.execute({
    operation: frame.operation,
    body: frame.body,
    contentType: frame.contentType,
    token: frame.token,
    principals: { human, agent, workflow },
    cap: frame.cap,
    timeoutMs: frame.timeoutMs,
    signal,
    journaled: service.journal.started({ call, txn, record: claims.tctx.record }),
  });
  service.journal.done(call);
  if (!answer.ok) {
    const { code, effect } = answer;
    service.log("info", "request_failed", { call, txn, code, effect });
  }
  return answer;
}

function refused(service: Service, verified: VerifiedCall, refusal: Refusal): ConnectorAnswer {
  const { call, txn } = verified;
  service.log("warn", "request_refused", { call, txn, code: refusal });
  return failure("destination_not_found", "none");
}
