import type { Settlement } from "../../src/core/model/command.ts";
import type { CallAdmitted } from "../../src/core/model/event.ts";
import type { FailureCode } from "../../src/core/model/outcome.ts";
import type { PreviewSeal } from "../../src/core/model/operation.ts";
import { sha256 } from "../../src/core/testing.ts";
import type { Bug } from "./bugs.ts";
import type { Random } from "./random.ts";
import { KEYED } from "./rules.ts";

/** A connector forwards nothing after this long without a beat. */
export const LEASE_MS = 5_000;

/** What travels to a connector: the parts of a call token that it judges by. */
export interface Request {
  readonly tenant: string;
  readonly workflow: string;
  readonly admitted: CallAdmitted;
  readonly seal: PreviewSeal | null;
  /** Monotonic time. */
  readonly expires: number;
}

export type Reply =
  | { readonly kind: "answered"; readonly canaries: number }
  | { readonly kind: "previewed"; readonly seal: PreviewSeal }
  | { readonly kind: "failed"; readonly code: FailureCode; readonly effect: "none" | "possible" };

export interface Effect {
  readonly connector: SimulatedConnector;
  readonly request: Request;
  /** Monotonic time. */
  readonly at: number;
}

/** The private service: one version a resource, and everything that ever reached it. */
export class Upstream {
  readonly effects: Effect[] = [];
  readonly #versions = new Map<string, number>();

  version(resource: string): number {
    return this.#versions.get(resource) ?? 0;
  }

  /** Somebody else's change, or ours. */
  bump(resource: string): void {
    this.#versions.set(resource, this.version(resource) + 1);
  }

  committed(call: string): boolean {
    return this.effects.some(
      ({ request }) => request.admitted.call === call && request.admitted.mode === "execute",
    );
  }
}

export class SimulatedConnector {
  readonly id: string;
  readonly tenant: string;
  session = 0;
  alive = true;
  lastBeat = 0;
  heardEpoch = 0;
  /** Dies with the session, as the lease does. */
  #spent = new Set<string>();
  /** Survives: which calls it has ever begun. */
  readonly #journal = new Set<string>();
  #running: Request[] = [];
  readonly #upstream: Upstream;
  readonly #bug: Bug | null;

  constructor(id: string, tenant: string, upstream: Upstream, bug: Bug | null) {
    this.id = id;
    this.tenant = tenant;
    this.#upstream = upstream;
    this.#bug = bug;
  }

  get sessionId(): string {
    return `${this.id}-session-${this.session}`;
  }

  begin(now: number): void {
    this.session++;
    this.alive = true;
    this.lastBeat = now;
    this.#spent = new Set();
    this.#running = [];
  }

  lose(): void {
    this.alive = false;
    this.#spent = new Set();
    this.#running = [];
  }

  beat(now: number, epoch: number): void {
    if (!this.alive) return;
    this.lastBeat = now;
    this.heardEpoch = Math.max(this.heardEpoch, epoch);
  }

  /** Verified and spent, or refused at once. Null: under way, or nobody is there. */
  take(request: Request, now: number): Reply | null {
    const { admitted } = request;
    if (!this.alive || admitted.session !== this.sessionId) return null;
    if (this.#late(now) || admitted.lockEpoch < this.heardEpoch) return refused;
    if (now >= request.expires) return refused;
    // A second copy is nobody's request: what became of the first is answered to the first.
    if (this.#spent.has(admitted.txn) && this.#bug !== "double-spend") return null;
    this.#spent.add(admitted.txn);
    this.#journal.add(admitted.call);
    this.#running.push(request);
    return null;
  }

  get busy(): boolean {
    return this.#running.length > 0;
  }

  /** Runs one of what is under way; null: the lease is over and it was given up. */
  work(now: number, random: Random): { readonly request: Request; readonly reply: Reply } | null {
    const request = random.pick(this.#running);
    this.#running = this.#running.filter((one) => one !== request);
    if (this.#late(now)) return null;
    return { request, reply: this.#perform(request, now, random) };
  }

  cut(call: string): void {
    this.#running = this.#running.filter(({ admitted }) => admitted.call !== call);
  }

  /** What the journal and, for what it began, the database say; of HTTP there is nobody to ask. */
  seen(call: string, tool: string): "never" | "committed" | "aborted" | "started" {
    if (!this.#journal.has(call)) return "never";
    if (KEYED.has(tool)) return "started";
    return this.#upstream.committed(call) ? "committed" : "aborted";
  }

  #late(now: number): boolean {
    return this.#bug !== "forward-without-beat" && now - this.lastBeat > LEASE_MS;
  }

  #knows({ tool, call }: CallAdmitted): boolean {
    const forgetful = this.#bug === "forgotten-key";
    return KEYED.has(tool) && !forgetful && this.#upstream.committed(call);
  }

  #perform(request: Request, now: number, random: Random): Reply {
    const { admitted, seal } = request;
    const resource = `${request.tenant}/${admitted.tool}/${admitted.target ?? ""}`;
    if (random.chance(0.06)) return failure(random);
    // Its service knows the key again, and does nothing but say so.
    if (this.#knows(admitted)) {
      return { kind: "answered", canaries: 0 };
    }
    this.#upstream.effects.push({ connector: this, request, at: now });
    if (admitted.mode === "preview") {
      const version = this.#upstream.version(resource);
      // Somebody else changes it before any human has looked.
      if (random.chance(0.15)) this.#upstream.bump(resource);
      return { kind: "previewed", seal: sealOf(version) };
    }
    if (admitted.action === "read") {
      return { kind: "answered", canaries: random.chance(0.01) ? 1 : 0 };
    }
    const now_ = sealOf(this.#upstream.version(resource));
    if (seal !== null && seal.changes !== now_.changes) {
      this.#upstream.effects.pop();
      return { kind: "failed", code: "preview_stale", effect: "none" };
    }
    this.#upstream.bump(resource);
    return { kind: "answered", canaries: 0 };
  }
}

const refused: Reply = { kind: "failed", code: "token_refused", effect: "none" };

function sealOf(version: number): PreviewSeal {
  return { changes: sha256(`version ${version}`), etag: String(version), salt: "5a".repeat(16) };
}

/** Nothing was done, and everything that can go wrong on the way is one of these. */
const FAILING = [
  "connection_refused",
  "connection_timeout",
  "connection_terminated",
  "dns_error",
  "destination_not_found",
  "destination_ip_prohibited",
  "tls_certificate_error",
  "upstream_error",
  "upstream_rejected",
  "response_too_large",
  "output_invalid",
  "tool_drifted",
  "deadline_exceeded",
  "preview_too_large",
  "preview_unavailable",
  "internal_error",
] as const satisfies readonly FailureCode[];

function failure(random: Random): Reply {
  return { kind: "failed", code: random.pick(FAILING), effect: "none" };
}

/** What the gateway makes of it. */
export function settlementOf(reply: Reply, random: Random): Settlement {
  if (reply.kind === "previewed") {
    return { ...reply, classes: random.chance(0.3) ? ["public", "secret"] : ["public"] };
  }
  if (reply.kind === "failed") return reply;
  const redacted = random.chance(0.3);
  return {
    kind: "answered",
    redactions: redacted ? [{ path: "/rows/*/secret", dataClass: "secret", count: 1 }] : [],
    dropped: 0,
    undeclared: 0,
    truncated: false,
    bytes: random.int(4_000),
    canaries: reply.canaries,
  };
}
