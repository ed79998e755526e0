import type { CallCommand, Command, Shaped } from "../../src/core/model/command.ts";
import { LOCK_TARGETS } from "../../src/core/model/lock.ts";
import { SIGNALS } from "../../src/core/model/signal.ts";
import type { Approval, WorkflowState } from "../../src/core/session/state.ts";
import { sha256 } from "../../src/core/testing.ts";
import { AGENTS, GROUPS, HUMANS, TOOL_IDS } from "./rules.ts";
import type { Answer } from "./gateway.ts";
import { promise } from "./violation.ts";
import { TENANTS, type World } from "./world.ts";

/** Mostly what agents are there for; traps and inventions now and then. */
const TOOL_WEIGHTS = {
  ...{
    find: 6,
    browse: 2,
    salaries: 1,
    far: 1,
    dear: 1,
    broken: 1,
    trapped: 0.5,
    bait: 0.4,
    imported: 0.4,
  },
  ...{ note: 4, post: 3, refund: 8, adjust: 5, deploy: 4, invented: 0.7 },
} as const;

interface Live {
  readonly tenant: string;
  readonly workflow: string;
}

/** What agents, humans and operators do: anything that they can, at any moment, also nonsense. */
export class Actors {
  readonly #world: World;
  readonly #live: Live[] = [];
  readonly #calls: { readonly at: Live; readonly command: CallCommand }[] = [];

  constructor(world: World) {
    this.#world = world;
  }

  open(): void {
    const world = this.#world;
    const { random } = world;
    const tenant = random.pick(TENANTS);
    const workflow = world.id("wf");
    const bulk = random.chance(0.05);
    const known = bulk ? ["planner"] : ["planner", "auditor"];
    const agent = random.chance(0.95) ? random.pick(known) : random.pick(AGENTS);
    const live = this.#live.filter((one) => one.tenant === tenant).length;
    const jkt = this.#keyOf(tenant, agent);
    const command: Command = {
      type: "open",
      tenant,
      workflow,
      seat: world.id("seat"),
      human: random.pick(HUMANS),
      claims: { groups: random.chance(0.95) ? ["staff"] : [] },
      agent,
      jkt,
      key: world.keys.standing({ tenant, agent }, jkt),
      purpose: bulk ? "bulk" : "work",
      inputs: {},
      keyDigest: sha256(workflow),
      live: random.chance(0.8) ? 0 : live,
      ...(random.chance(0.2) && { lifeMs: 30_000 + random.int(600_000) }),
    };
    world.gateway.submit(tenant, workflow, command, (answer) => {
      if (answer?.result.kind === "opened") this.#live.push({ tenant, workflow });
    });
  }

  /** A new call, or one that was made before, sent again as it was. */
  call(): void {
    const { random } = this.#world;
    if (this.#calls.length > 0 && random.chance(0.45)) {
      const { at, command } = random.pick(this.#calls.slice(-12));
      this.#send(at, { ...command, ...this.#fresh(command.tool, at.tenant) });
      return;
    }
    this.#withState((at, state) => {
      const tool = random.weighted(TOOL_WEIGHTS);
      const target = String(random.int(3));
      const seats = Object.keys(state.seats);
      const command: CallCommand = {
        type: "call",
        ...this.#fresh(tool, at.tenant),
        seat: random.chance(0.97) ? random.pick(seats) : "seat_invented",
        tool,
        arguments: { target },
        shaped: this.#shaped(tool, target),
        idempotencyKey: random.chance(0.25) ? `key-${random.int(2)}` : null,
      };
      this.#calls.push({ at, command });
      this.#send(at, command);
    });
  }

  /** One agent in a loop: it does not stop when it is told no. */
  hammer(): void {
    const { random } = this.#world;
    this.#withState((at, state) => {
      const tool = random.pick(["salaries", "dear", "far"]);
      for (let n = 0; n < 12; n++) {
        this.#send(at, {
          type: "call",
          ...this.#fresh(tool, at.tenant),
          seat: Object.keys(state.seats)[0]!,
          tool,
          arguments: {},
          shaped: this.#shaped(tool, "0"),
          idempotencyKey: null,
        });
      }
    });
  }

  /** Those that never wait: more calls, questions and inventions than anybody may have open. */
  flood(): void {
    this.#floodWith([
      ["deploy", 20],
      ["find", 1_200],
    ]);
    this.#floodWith([["invented", 620]]);
  }

  #floodWith(waves: readonly (readonly [tool: string, count: number])[]): void {
    const world = this.#world;
    const at = { tenant: "acme", workflow: world.id("wf") };
    const seat = world.id("seat");
    const who = {
      human: "human-1",
      agent: "planner",
      jkt: "key-of-planner@acme",
      key: "own",
    } as const;
    const purpose = "bulk";
    const claims = { groups: ["staff"] };
    const keyDigest = sha256(at.workflow);
    this.#submit(at, {
      type: "open",
      ...at,
      seat,
      ...who,
      purpose,
      claims,
      inputs: {},
      keyDigest,
      live: 0,
    });
    for (const [tool, count] of waves) {
      for (let n = 0; n < count; n++) {
        const shaped = this.#shaped(tool, String(n));
        const base = { type: "call", ...this.#fresh(tool, at.tenant), seat, tool, shaped } as const;
        this.#send(at, { ...base, arguments: {}, idempotencyKey: null });
      }
    }
    world.commit();
  }

  seat(): void {
    const world = this.#world;
    const { random } = world;
    this.#withState((at, state) => {
      const parent = random.pick(Object.values(state.seats));
      const agent = random.pick(AGENTS);
      const jkt = this.#keyOf(at.tenant, agent);
      const call = random.chance(0.2) ? (state.inFlight[0]?.call ?? null) : null;
      this.#submit(at, {
        type: "seat",
        parent: parent.id,
        seat: world.id("seat"),
        agent,
        jkt,
        key: world.keys.standing({ tenant: at.tenant, agent }, jkt),
        call,
        ...(random.chance(0.3) && { tools: [random.pick(TOOL_IDS)] }),
        ...(random.chance(0.3) && { limits: { calls: random.int(20), cost: random.int(3_000) } }),
      });
    });
  }

  /** A human decides: mostly what they saw, sometimes what somebody else showed them. */
  decide(): void {
    const { random } = this.#world;
    this.#withState((at, state) => {
      const pending = state.approvals.filter((one) => one.status === "pending");
      const any = random.chance(0.85) ? pending : state.approvals;
      if (any.length === 0) return;
      const request: Approval = random.pick(any);
      const human = random.pick(HUMANS);
      this.#submit(at, {
        type: "decideApproval",
        approval: random.chance(0.98) ? request.id : "apr_invented",
        kind: random.chance(0.96) ? random.pick(request.kinds) : "invented",
        verdict: random.chance(0.9) ? "approve" : "reject",
        human,
        groups: GROUPS[human]!,
        digest: random.chance(0.95) ? request.digest : sha256("of another request"),
      });
    });
  }

  smallThings(): void {
    const { random } = this.#world;
    this.#withState((at, state) => {
      const seat = random.pick(Object.keys(state.seats));
      const kind = random.weighted({ usage: 4, renew: 3, checkpoint: 3, signal: 2, close: 0.4 });
      switch (kind) {
        case "usage":
          return this.#submit(at, { type: "reportUsage", seat, tokens: 1 + random.int(9_000) });
        case "renew":
          return this.#submit(at, { type: "renew", seat });
        case "checkpoint":
          return this.#submit(at, { type: "checkpoint", seat, value: { n: 1 }, bytes: 7 });
        case "close":
          return this.#submit(at, { type: "close", seat });
        case "signal":
          return this.#submit(at, {
            type: "signal",
            signal: random.pick(SIGNALS),
            seat,
            call: null,
            subject: random.chance(0.5) ? { target: "key", value: state.seats[seat]!.jkt } : null,
          });
      }
    });
  }

  /** P7: somebody knows the name of another tenant's workflow, and nothing comes of it. */
  trespass(): void {
    const world = this.#world;
    const at = this.#live[0];
    if (at === undefined) return;
    const other = TENANTS.find((tenant) => tenant !== at.tenant)!;
    const before = world.gateway.state(at.tenant, at.workflow);
    const command = { type: "close", seat: null } as const;
    const found = world.gateway.submit(other, at.workflow, command, () => undefined);
    promise("P7", !found, () => "a workflow was found from another tenant");
    promise("P7", world.gateway.state(at.tenant, at.workflow) === before, () => "and was changed");
  }

  lock(): void {
    const world = this.#world;
    const { random } = world;
    const tenant = random.pick(TENANTS);
    if (random.chance(0.7)) return world.unlock(tenant);
    this.#withState((at, state) => {
      const seat = random.pick(Object.values(state.seats));
      const target = random.pick(LOCK_TARGETS);
      // The whole tenant would end most of the run: rarely, so that the rest is seen too.
      if ((target === "tenant" || target === "bundle") && random.chance(0.8)) return;
      const values = {
        tenant: at.tenant,
        human: state.human,
        agent: seat.agent,
        key: seat.jkt,
        workflow: at.workflow,
        tool: random.pick(TOOL_IDS),
        definition: sha256(random.pick(TOOL_IDS)),
        destination: "inside",
        connector: random.pick(world.connectors).id,
        bundle: world.bundle(at.tenant).digest,
      };
      world.lock(at.tenant, target, values[target]);
    });
  }

  /** Its own; now and then that of another agent, or of the other tenant. */
  #keyOf(tenant: string, agent: string): string {
    const { random } = this.#world;
    const owner = random.chance(0.95) ? agent : random.pick(AGENTS);
    return `key-of-${owner}@${random.chance(0.97) ? tenant : random.pick(TENANTS)}`;
  }

  #send(at: Live, command: CallCommand): void {
    const world = this.#world;
    world.gateway.submit(at.tenant, at.workflow, command, (answer: Answer | null) => {
      if (answer?.result.kind === "admitted") world.dispatch(at.tenant, at.workflow, answer);
    });
  }

  #submit(at: Live, command: Command): void {
    this.#world.gateway.submit(at.tenant, at.workflow, command, () => undefined);
  }

  #fresh(tool: string, tenant: string) {
    const world = this.#world;
    const connectors = world.connectors.filter(
      (one) => one.tenant === tenant && one.alive && tool !== "far",
    );
    const connector = world.random.chance(0.97) ? connectors[world.random.int(2)] : undefined;
    return {
      call: world.id("call"),
      txn: world.id("txn"),
      approval: world.id("apr"),
      presenter:
        connector === undefined ? null : { connector: connector.id, session: connector.sessionId },
    };
  }

  #shaped(tool: string, target: string): Shaped | null {
    if (tool === "invented") return null;
    if (this.#world.random.chance(0.03)) return { ok: false, at: ["/target"] };
    const operation = this.#world.operation(tool, target);
    return { ok: true, policyArguments: {}, operation, target, sources: {} };
  }

  #withState(act: (at: Live, state: WorkflowState) => void): void {
    const world = this.#world;
    if (this.#live.length === 0) return;
    const at = world.random.pick(this.#live.slice(-4));
    const state = world.gateway.state(at.tenant, at.workflow);
    if (state !== null) act(at, state);
  }
}
