import type { Limits } from "../../src/core/model/bundle.ts";
import type { WorkflowEvent } from "../../src/core/model/event.ts";
import type { WorkflowState } from "../../src/core/session/state.ts";
import { NEVER_ADMITTED } from "./rules.ts";
import { promise } from "./violation.ts";

interface SeatLine {
  readonly parent: string | null;
  readonly limits: Limits;
  readonly tools: readonly string[];
  used: Sums;
}
interface Sums {
  calls: number;
  cost: number;
  runtimeMs: number;
  tokens: number;
}
interface Open {
  readonly seat: string;
  readonly charge: Sums;
  readonly domain: string | null;
  readonly critical: boolean;
  readonly approval: string | null;
}
interface Asked {
  readonly kinds: readonly string[];
  readonly digest: string;
  readonly given: Map<string, string>;
  rejected: boolean;
  /** Executions that were not proven to have had no effect. */
  executions: number;
}

/**
 * What the record says, added up a second time and in another way than the core does: an oracle
 * that shares no code with what it judges. Throws a Violation at the first event that breaks a promise.
 */
export class Ledger {
  readonly #seats = new Map<string, SeatLine>();
  readonly #open = new Map<string, Open>();
  readonly #unknown = new Map<string, Open>();
  readonly #ended = new Set<string>();
  readonly #asked = new Map<string, Asked>();
  readonly #labels = new Set<string>();
  readonly #critical = new Map<string, number>();
  #reported = 0;

  apply(event: WorkflowEvent, after: WorkflowState): void {
    switch (event.type) {
      case "workflow.opened":
        this.#seat(event.seat, null, event.limits, event.tools);
        break;
      case "seat.granted":
        this.#granted(event);
        break;
      case "call.admitted":
        this.#admitted(event);
        break;
      case "call.settled":
        this.#end(event, this.#open);
        if (event.approval !== null) this.#ask(event.approval);
        break;
      case "call.resent":
        promise(
          "P1",
          this.#unknown.has(event.call) || this.#open.has(event.call),
          () => `${event.call} has an end, and left`,
        );
        break;
      case "call.reconciled":
        this.#end(event, this.#unknown);
        break;
      case "call.refused":
        if (event.approval !== null) this.#ask(event.approval);
        break;
      case "approval.decided":
        this.#decided(event);
        break;
      case "usage.reported":
        this.#reported += event.tokens;
        break;
      // Nothing that is added up.
      case "approval.refused":
      case "checkpoint.saved":
      case "seat.refused":
      case "seat.renewed":
      case "signal.raised":
      case "workflow.closed":
        break;
    }
    promise(
      "labels",
      [...this.#labels].every((label) => after.labels.includes(label)),
      () => `a label of ${[...this.#labels].join(", ")} is not remembered`,
    );
  }

  #seat(id: string, parent: string | null, limits: Limits, tools: readonly string[]): void {
    const used = { calls: 0, cost: 0, runtimeMs: 0, tokens: 0 };
    this.#seats.set(id, { parent, limits, tools, used });
  }

  #granted(event: Extract<WorkflowEvent, { type: "seat.granted" }>): void {
    const parent = this.#seats.get(event.parent);
    promise("P7", parent !== undefined, () => "a seat hangs below nobody");
    if (parent === undefined) return;
    const { limits } = event;
    promise(
      "delegation",
      event.tools.every((tool) => parent.tools.includes(tool)) &&
        limits.calls <= parent.limits.calls &&
        limits.cost <= parent.limits.cost &&
        limits.runtimeMs <= parent.limits.runtimeMs &&
        (limits.tokens ?? Infinity) <= (parent.limits.tokens ?? Infinity),
      () => "a seat has more than its giver",
    );
    promise("delegation", new Set(event.chain).size === event.chain.length, () => "a cycle");
    this.#seat(event.seat, event.parent, limits, event.tools);
  }

  #admitted(event: Extract<WorkflowEvent, { type: "call.admitted" }>): void {
    const { call, tool, cost, runtimeMs, tokens, approval, mode } = event;
    const seat = this.#seats.get(event.seat);
    promise("P2", !NEVER_ADMITTED.has(tool), () => `${tool} was admitted`);
    promise("P2", seat?.tools.includes(tool) === true, () => `${tool} was not granted`);
    promise("P1", !this.#open.has(call) && !this.#ended.has(call), () => `${call} twice`);
    const charge = { calls: 1, cost, runtimeMs, tokens };
    this.#charge(event.seat, charge, 1);
    this.#withinLimits(event.seat);
    for (const label of event.labels) this.#labels.add(label);
    const domain = mode === "execute" ? event.writeDomain : null;
    const critical = domain !== null && event.critical;
    if (critical) {
      this.#critical.set(domain, (this.#critical.get(domain) ?? 0) + 1);
      promise("P6", this.#critical.size <= 1, () => [...this.#critical.keys()].join(" and "));
    }
    this.#open.set(call, { seat: event.seat, charge, domain, critical, approval });
    if (approval !== null) this.#execute(approval);
  }

  /** P5: everything asked for was given, by different humans, and it is carried out once. */
  #execute(approval: string): void {
    const asked = this.#asked.get(approval);
    promise("P5", asked !== undefined && !asked.rejected, () => "carried out without a yes");
    if (asked === undefined) return;
    promise(
      "P5",
      asked.kinds.every((kind) => asked.given.has(kind)),
      () => "a kind is missing",
    );
    const humans = [...asked.given.values()];
    promise("P5", new Set(humans).size === humans.length, () => "one human gave two kinds");
    asked.executions++;
    promise("P5", asked.executions === 1, () => `${approval} was carried out twice`);
  }

  #end(
    event: Extract<WorkflowEvent, { type: "call.settled" | "call.reconciled" }>,
    from: Map<string, Open>,
  ): void {
    const open = from.get(event.call);
    promise("P1", open !== undefined, () => `${event.call} ended, but was not open`);
    if (open === undefined) return;
    from.delete(event.call);
    this.#ended.add(event.call);
    const { calls, cost, runtimeMs, tokens } = event;
    this.#charge(open.seat, open.charge, -1);
    this.#charge(open.seat, { calls, cost, runtimeMs, tokens }, 1);
    if (event.outcome === "outcome_unknown") {
      const charge = { calls, cost, runtimeMs, tokens };
      this.#unknown.set(event.call, { ...open, charge });
    }
    if (calls === 0 && open.critical && open.domain !== null) this.#release(open.domain);
    if (open.approval !== null && event.outcome === "failed") {
      this.#asked.get(open.approval)!.executions--;
    }
  }

  #release(domain: string): void {
    const left = (this.#critical.get(domain) ?? 1) - 1;
    if (left > 0) this.#critical.set(domain, left);
    else this.#critical.delete(domain);
  }

  #ask({ id, kinds, digest }: { id: string; kinds: readonly string[]; digest: string }): void {
    promise("P5", !this.#asked.has(id), () => `${id} was asked twice`);
    this.#asked.set(id, { kinds, digest, given: new Map(), rejected: false, executions: 0 });
  }

  #decided(event: Extract<WorkflowEvent, { type: "approval.decided" }>): void {
    const asked = this.#asked.get(event.approval);
    promise("P5", asked !== undefined, () => "nobody asked for it");
    if (event.verdict === "reject") asked!.rejected = true;
    else asked!.given.set(event.kind, event.human);
  }

  /** The digest that a human was shown for this request; null: there is none. */
  digestOf(approval: string): string | null {
    return this.#asked.get(approval)?.digest ?? null;
  }

  get quiet(): boolean {
    return this.#open.size === 0;
  }

  #charge(seat: string, { calls, cost, runtimeMs, tokens }: Sums, sign: 1 | -1): void {
    for (let at: string | null = seat; at !== null;) {
      const line = this.#seats.get(at);
      if (line === undefined) return;
      line.used.calls += sign * calls;
      line.used.cost += sign * cost;
      line.used.runtimeMs += sign * runtimeMs;
      line.used.tokens += sign * tokens;
      at = line.parent;
    }
  }

  /** P3. Reported tokens may pass a ceiling: they stop the next call, which is checked by the core. */
  #withinLimits(seat: string): void {
    for (let at: string | null = seat; at !== null;) {
      const line: SeatLine = this.#seats.get(at)!;
      const { used, limits } = line;
      const kept =
        used.calls <= limits.calls &&
        used.cost <= limits.cost &&
        used.runtimeMs <= limits.runtimeMs &&
        used.tokens <= (limits.tokens ?? Infinity) + this.#reported;
      promise("P3", kept, () => `${JSON.stringify(used)} is more than ${JSON.stringify(limits)}`);
      at = line.parent;
    }
  }
}
