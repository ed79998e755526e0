import { destinationOf, type Operation, operationDigest } from "../core/model/operation.ts";
import type { Place } from "../core/model/policy.ts";
import {
  verifyCallToken,
  type KeySource,
  type VerifiedCall,
  type VerifyCode,
} from "../sdk/verify.ts";
import type { ConnectorAnswer, ConnectorSignal } from "../tunnel/protocol.ts";
import { isSafe, refusalOf, sha256, type Refusal } from "./allow.ts";
import type { Destination } from "./config.ts";
import type { Job } from "./end.ts";
import { failure, type Executor } from "./executor.ts";
import { type Misfit, misfitOf } from "./fit.ts";
import type { Journal } from "./journal.ts";
import type { Log } from "./log.ts";

export interface Service {
  readonly keys: KeySource;
  readonly issuer: string;
  readonly audience: string;
  readonly tenant: string;
  /** What this connector was enrolled for; it serves nothing else. */
  readonly place: Place;
  readonly destinations: ReadonlyMap<string, Destination>;
  readonly executors: ReadonlyMap<string, Executor>;
  readonly journal: Pick<Journal, "taken" | "started" | "done">;
  readonly log: Log;
}

/**
 * The path of one request: digest of what would be executed → token, which must be for exactly
 * that, for this session, and unspent → mode, approved change, locks → local allow-list → journal →
 * effect. Answers in every case.
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
      // Which of the two it may be for this operation is looked at below.
      mode: "any",
      operation,
      now: job.now(),
      spent: job.spent,
    });
    if (!verified.ok) return distrusted(service, job, verified.code, verified.call);
    const misfit = misfitOf(verified.claims.tctx, frame, job.epoch(), service.place);
    if (misfit !== null) return distrusted(service, job, misfit, verified.call);
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

/**
 * With a good signature and in the wrong place, or a second time: somebody has a token that is not
 * theirs. What is only late, or older than the last lock, may be honest.
 */
const SUSPICIOUS: { readonly [code in VerifyCode | Misfit]?: ConnectorSignal } = {
  token_replayed: "token_replayed",
  tenant_mismatch: "context_mismatch",
  presenter_mismatch: "context_mismatch",
  network_mismatch: "context_mismatch",
  tier_mismatch: "context_mismatch",
  operation_mismatch: "context_mismatch",
  preview_mismatch: "context_mismatch",
  preview_refused: "context_mismatch",
};

function distrusted(
  { log }: Service,
  job: Job,
  code: VerifyCode | Misfit,
  call: string | undefined,
): ConnectorAnswer {
  log("warn", "token_refused", { code, ...(call !== undefined && { call }) });
  const signal = SUSPICIOUS[code];
  if (signal !== undefined && call !== undefined) job.raise(signal, call);
  // A spent token says that somebody came first, and not that nothing happened.
  return failure("token_refused", code === "token_replayed" ? "possible" : "none");
}

async function execute(
  service: Service,
  job: Job,
  verified: VerifiedCall,
  executor: Executor,
): Promise<ConnectorAnswer> {
  const { frame, signal } = job;
  const { call, txn, human, agent, workflow, claims } = verified;
  const destination = destinationOf(frame.operation);
  const entry = { call, txn, record: claims.tctx.record };
  let effect: "made" | "none" | "possible" = "possible";
  service.journal.taken(call);
  try {
    const answer = await executor.execute({
      operation: frame.operation,
      body: frame.body,
      contentType: frame.contentType,
      idempotencyKey: frame.idempotencyKey,
      mode: claims.tctx.mode,
      preview: frame.preview,
      token: frame.token,
      principals: { human, agent, workflow },
      tool: claims.scope,
      cap: frame.cap,
      remainingMs: job.remainingMs,
      signal,
      journal: (xid) =>
        service.journal.started(
          xid === null ? entry : { ...entry, transaction: { destination, xid } },
        ),
    });
    // Of what cannot write the end matters to nobody, and would make each line of the journal longer.
    if (mayWrite(frame.operation) && claims.tctx.mode === "execute") {
      effect = answer.ok ? "made" : answer.effect;
    }
    if (!answer.ok) {
      service.log("info", "request_failed", {
        call,
        txn,
        code: answer.code,
        effect: answer.effect,
      });
    }
    return answer;
  } finally {
    service.journal.done(call, effect);
  }
}

function mayWrite(operation: Operation): boolean {
  if ("http" in operation) return !isSafe(operation.http.method);
  // What a tool says of itself proves nothing.
  return "mcp" in operation || operation.sql.mode === "write";
}

function refused(service: Service, verified: VerifiedCall, refusal: Refusal): ConnectorAnswer {
  const { call, txn } = verified;
  service.log("warn", "request_refused", { call, txn, code: refusal });
  return failure("destination_not_found", "none");
}
