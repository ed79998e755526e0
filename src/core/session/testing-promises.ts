import { expect } from "vitest";
import type { Limits } from "../model/bundle.ts";
import type { ApprovalAsked, CallAdmitted, Stamp, WorkflowEvent } from "../model/event.ts";
import { canonical } from "../model/json.ts";
import { sha256 } from "../testing.ts";
import { NEEDED } from "./testing-rules.ts";

interface Sums {
  calls: number;
  cost: number;
  runtimeMs: number;
  tokens: number;
  readonly tools: Map<string, number>;
}
interface SeatLine {
  readonly parent: string | null;
  readonly agent: string;
  readonly jkt: string;
  readonly limits: Limits;
  readonly tools: readonly string[];
  readonly expiresAt: number;
  readonly lockEpoch: number;
  readonly used: Sums;
}
type Charge = Pick<CallAdmitted, "cost" | "runtimeMs" | "tokens"> & { readonly calls: number };
interface Open {
  readonly event: CallAdmitted & Stamp;
  readonly charge: Charge;
}
interface Asked {
  readonly asked: ApprovalAsked;
  /** Tool, definition, seat, operation, key and rules of the call that it is about. */
  readonly subject: string;
  readonly given: Map<string, string>;
  rejected: boolean;
  executions: number;
}

/** What has to hold, counted from the record alone: none of it asks the code under test. */
export class Promises {
  readonly seats = new Map<string, SeatLine>();
  readonly open = new Map<string, Open>();
  readonly unknown = new Map<string, Open>();
  readonly labels = new Set<string>();
  readonly txns = new Set<string>();
  /** Which connector a call is at, of those that left more than once. */
  readonly #at = new Map<string, string>();
  readonly #asked = new Map<string, Asked>();
  readonly #claims = new Map<string, { calls: number; critical: boolean }>();
  readOnly = false;

  apply(event: WorkflowEvent): void {
    switch (event.type) {
      case "workflow.opened":
      case "seat.granted":
        return this.#seat(event);
      case "call.admitted":
        return this.#admitted(event);
      case "call.refused": {
        const { seat, tool, policyVersion, approval } = event;
        if (approval === null) return;
        const { definition, operation, idempotency } = approval;
        const subject = { seat, tool, definition, operation, idempotency, policyVersion };
        return this.#ask(approval, canonical(subject));
      }
      case "call.settled": {
        const call = this.open.get(event.call)!;
        this.open.delete(event.call);
        this.#ended(call, event);
        if (event.outcome === "outcome_unknown") {
          const { calls, cost, runtimeMs, tokens } = event;
          const charge = { calls, cost, runtimeMs, tokens };
          this.unknown.set(event.call, { ...call, charge });
        }
        if (event.approval !== null) this.#ask(event.approval, subjectOf(call.event));
        return;
      }
      case "call.resent":
        return this.#again(event);
      case "call.reconciled": {
        const call = this.unknown.get(event.call)!;
        this.unknown.delete(event.call);
        return this.#ended(call, event);
      }
      case "approval.decided": {
        const request = this.#asked.get(event.approval)!;
        expect(event.at).toBeLessThan(request.asked.expiresAt);
        if (event.verdict === "reject") request.rejected = true;
        else request.given.set(event.kind, event.human);
        return;
      }
      case "usage.reported":
        this.#charge(event.seat, null, { ...NOTHING, tokens: event.tokens }, 1);
        return;
      case "signal.raised":
        this.readOnly ||= event.containment !== null && event.containment.lock === null;
        return;
      default:
        return;
    }
  }

  /** Of a call without a known end. */
  admission(call: string): CallAdmitted & Stamp {
    return (this.open.get(call) ?? this.unknown.get(call)!).event;
  }

  /** Where it is now. */
  connectorOf(call: string): string {
    return this.#at.get(call) ?? this.admission(call).connector;
  }

  get claimed(): readonly string[] {
    return [...this.#claims.keys()].sort();
  }

  line(id: string): readonly SeatLine[] {
    const line: SeatLine[] = [];
    for (let at: string | null = id; at !== null;) {
      const seat: SeatLine = this.seats.get(at)!;
      line.push(seat);
      at = seat.parent;
    }
    return line;
  }

  #seat(event: Extract<WorkflowEvent, { type: "workflow.opened" | "seat.granted" }>): void {
    const parent = event.type === "seat.granted" ? event.parent : null;
    const { agent, jkt, limits, tools, expiresAt, lockEpoch } = event;
    const used = { ...NOTHING, tools: new Map<string, number>() };
    this.seats.set(event.seat, {
      ...{ parent, agent, jkt, limits, tools, expiresAt, lockEpoch, used },
    });
    if (event.type !== "seat.granted") return;
    // Rights only shrink, and the chain has nobody twice.
    const above = this.seats.get(event.parent)!;
    expect(above.tools).toEqual(expect.arrayContaining([...tools]));
    expect(expiresAt).toBeLessThanOrEqual(above.expiresAt);
    for (const [name, cap] of caps(above.limits)) {
      expect(new Map(caps(limits)).get(name)).toBeLessThanOrEqual(cap);
    }
    const chain = this.line(event.seat).map((one) => one.agent);
    expect(event.chain).toEqual(chain);
    expect(new Set(chain).size).toBe(chain.length);
    for (const one of this.seats.values()) {
      if (one.jkt === jkt) expect(one.agent).toBe(agent);
    }
  }

  #admitted(event: CallAdmitted & Stamp): void {
    const { call, seat, tool, cost, runtimeMs, tokens, approval, writeDomain, critical } = event;
    const charge = { calls: 1, cost, runtimeMs, tokens };
    const effect = event.action === "mutate" || event.action === "execute";
    expect(effect && this.readOnly).toBe(false);
    this.open.set(call, { event, charge });
    this.txns.add(event.txn);
    this.#charge(seat, tool, charge, 1);
    for (const label of event.labels) this.labels.add(label);
    const line = this.line(seat);
    expect(event.chain).toEqual(line.map((one) => one.agent));
    expect(line.every((one) => event.at < one.expiresAt)).toBe(true);
    expect(line.every((one) => one.tools.includes(tool))).toBe(true);
    // P3, reported tokens included: they may pass a ceiling, but then nothing more is admitted.
    for (const { used, limits } of line) withinLimits(used, limits, limits.tokens ?? Infinity);

    if (writeDomain !== null) {
      expect(event.mode).toBe("execute");
      const held = this.#claims.get(writeDomain);
      this.#claims.set(writeDomain, {
        calls: (held?.calls ?? 0) + 1,
        critical: critical || held?.critical === true,
      });
      // P6
      const critics = [...this.#claims.values()].filter((one) => one.critical);
      expect(critics.length).toBeLessThanOrEqual(1);
    }
    if (event.mode === "preview") expect(event.need).not.toBeNull();
    else if (approval !== null) this.#execute(approval, event);
    else expect(NEEDED[tool] ?? []).toEqual([]);
  }

  /** Nothing may leave a second time that could not leave now, or whose service may have forgotten it. */
  #again(event: Extract<WorkflowEvent, { type: "call.resent" }>): void {
    const admission = this.admission(event.call);
    const { tool, mode, seat, policyVersion, chain } = admission;
    const at = this.connectorOf(event.call);
    this.#at.set(event.call, event.connector);
    expect(event).toMatchObject({ policyVersion, chain });
    expect(this.line(seat).every((one) => event.at < one.expiresAt)).toBe(true);
    if (!this.open.has(event.call)) {
      expect(["deploys", "tickets_open"]).toContain(tool);
      expect({ mode, connector: at }).toEqual({ mode: "execute", connector: event.connector });
      // The tool's 700 s, without five minutes.
      expect(event.at - admission.at).toBeLessThan(400_000);
    }
    if (admission.action !== "read") expect(this.readOnly).toBe(false);
    expect(this.txns.has(event.txn)).toBe(false);
    this.txns.add(event.txn);
  }

  /** P5: all that was asked for was given, by different humans; what runs is what they saw, once. */
  #execute(approval: string, event: CallAdmitted & Stamp): void {
    const { asked, subject, given, rejected } = this.#asked.get(approval)!;
    expect(rejected).toBe(false);
    expect(event.at).toBeLessThan(asked.expiresAt);
    expect([...given.keys()].sort()).toEqual([...asked.kinds].sort());
    expect(new Set(given.values()).size).toBe(asked.kinds.length);
    for (const kind of NEEDED[event.tool] ?? []) expect(asked.kinds).toContain(kind);
    expect(subjectOf(event)).toBe(subject);
    expect(event.preview).toBe(asked.preview);
    expect(sha256(canonical(event.plan))).toBe(asked.plan);
    const { seat, tool, definition, operation, idempotency, policyVersion, preview } = event;
    const bound = {
      ...{ postern: "approval/1", tenant: "acme", workflow: "wf_1", approval, seat, tool },
      ...{ definition, operation, idempotency, preview, policyVersion },
      ...{ plan: asked.plan, kinds: asked.kinds, expiresAt: asked.expiresAt },
    };
    expect(sha256(canonical(bound))).toBe(asked.digest);
    this.#asked.get(approval)!.executions++;
    expect(this.#asked.get(approval)!.executions).toBe(1);
  }

  #ask(asked: ApprovalAsked, subject: string): void {
    expect(this.#asked.has(asked.id)).toBe(false);
    expect(asked.kinds).not.toEqual([]);
    this.#asked.set(asked.id, {
      ...{ asked, subject, given: new Map(), rejected: false, executions: 0 },
    });
  }

  #ended(
    { event, charge }: Open,
    end: Charge & { readonly outcome: string; readonly code: string | null },
  ): void {
    this.#charge(event.seat, event.tool, charge, -1);
    this.#charge(event.seat, event.tool, end, 1);
    if (end.calls === 0 && event.writeDomain !== null) {
      const held = this.#claims.get(event.writeDomain)!;
      if (held.calls === 1) this.#claims.delete(event.writeDomain);
      else this.#claims.set(event.writeDomain, { ...held, calls: held.calls - 1 });
    }
    const { approval } = event;
    if (approval !== null && end.outcome === "failed") this.#asked.get(approval)!.executions--;
  }

  #charge(seat: string, tool: string | null, charge: Charge, sign: 1 | -1): void {
    for (const { used, limits } of this.line(seat)) {
      used.calls += sign * charge.calls;
      used.cost += sign * charge.cost;
      used.runtimeMs += sign * charge.runtimeMs;
      used.tokens += sign * charge.tokens;
      if (tool !== null) {
        used.tools.set(tool, (used.tools.get(tool) ?? 0) + sign * charge.calls);
      }
      // P3, of every seat, at every moment.
      if (sign === 1) withinLimits(used, limits, Infinity);
    }
  }
}

const NOTHING = { calls: 0, cost: 0, runtimeMs: 0, tokens: 0 };

function withinLimits(used: Sums, limits: Limits, tokens: number): void {
  expect(used.calls).toBeLessThanOrEqual(limits.calls);
  expect(used.cost).toBeLessThanOrEqual(limits.cost);
  expect(used.runtimeMs).toBeLessThanOrEqual(limits.runtimeMs);
  expect(used.tokens).toBeLessThanOrEqual(tokens);
  expect(Math.min(used.calls, used.cost, used.runtimeMs, used.tokens)).toBeGreaterThanOrEqual(0);
  for (const [tool, cap] of Object.entries(limits.tools ?? {})) {
    expect(used.tools.get(tool) ?? 0).toBeLessThanOrEqual(cap);
  }
}

function caps({ calls, cost, runtimeMs, tokens, tools }: Limits): readonly [string, number][] {
  return [
    ...Object.entries({ calls, cost, runtimeMs, ...(tokens !== undefined && { tokens }) }),
    ...Object.entries(tools ?? {}).map(([tool, cap]): [string, number] => [`tool ${tool}`, cap]),
  ];
}

function subjectOf(event: CallAdmitted): string {
  const { seat, tool, definition, operation, idempotency, policyVersion } = event;
  return canonical({ seat, tool, definition, operation, idempotency, policyVersion });
}
