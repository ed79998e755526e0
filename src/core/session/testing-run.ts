import type { Command } from "../model/command.ts";
import type { WorkflowEvent } from "../model/event.ts";
import type { Answer, Question } from "../model/policy.ts";
import { approve, callCommand, fitting, mac, openCommand, sha256, World } from "../testing.ts";
import type { Decision } from "./decision.ts";
import type { CallStep, Step } from "./testing-histories.ts";
import { authority, BUNDLES, engine } from "./testing-rules.ts";

/** One step of a history, as it was decided. */
export interface Taken {
  readonly world: World;
  readonly command: Command;
  readonly decision: Decision;
  /** Of this step: its own event, and those of its signals. */
  readonly events: readonly WorkflowEvent[];
  /** What policy was asked on the way, and what it said. */
  readonly asked: readonly (readonly [Question, Answer])[];
}

/** Plays a history to its end; `check` after every step, also one that only changed the world. */
export function run(
  seed: number,
  trouble: boolean,
  steps: readonly Step[],
  check: (world: World, taken: Taken | null) => void,
): World {
  const world = new World();
  world.bundle = BUNDLES[0]!;
  world.authority = authority;
  const asked: (readonly [Question, Answer])[] = [];
  const ask = engine(seed, trouble);
  world.script = (question) => {
    const answer = ask(question);
    asked.push([question, answer]);
    return answer;
  };
  const take = (command: Command): void => {
    asked.length = 0;
    const before = world.events.length;
    const decision = world.submit(command);
    check(world, { world, command, decision, events: world.events.slice(before), asked });
  };

  take(openCommand());
  const table = { ...world.locks!, epoch: 1 };
  for (const [n, step] of steps.entries()) {
    if (step.do === "wait") world.now += step.ms;
    else if (step.do === "activate") world.bundle = BUNDLES[step.bundle]!;
    else if (step.do === "locks") {
      // Back from not knowing is back to what was known.
      world.locks ??= table;
      world.unlock();
      if (step.locks !== null) world.lock(...step.locks);
      Object.assign(table, world.locks);
      if (step.locks === null) world.locks = null;
    } else {
      const command = commandOf(world, step, n);
      if (command !== null) {
        take(command);
        continue;
      }
    }
    check(world, null);
  }
  return world;
}

const nth = <One>(list: readonly One[], n: number): One | undefined => list[n % list.length];

/** Null: there is nothing by now that this step could be about. */
function commandOf({ state }: World, step: Step, n: number): Command | null {
  switch (step.do) {
    case "submit":
      return step.command;
    case "call":
      return callOf(Object.keys(state.seats), step, state.inFlight[0]?.call, n);
    case "settle": {
      const call = nth(state.inFlight, step.nth);
      if (call === undefined) return null;
      const { runtimeMs, unfit } = step;
      const seal = { changes: sha256(call.operation ?? ""), etag: null, salt: "5a".repeat(16) };
      const preview = { kind: "previewed", seal, classes: ["secret", "ticket"] } as const;
      const asked = call.mode === "preview" && step.settlement.kind === "answered";
      const settlement = asked !== unfit ? preview : step.settlement;
      return { type: "settle", call: call.call, settlement, runtimeMs };
    }
    case "reconcile": {
      const call = nth(state.unknown, step.nth);
      if (call === undefined) return null;
      const { call: id, session } = call;
      const { finding } = step;
      return { type: "reconcile", call: id, session: step.session ?? session, finding };
    }
    case "resend": {
      const call = nth(state.unknown, step.nth);
      if (call === undefined) return null;
      const presenter = { connector: step.connector, session: `session of ${n}` };
      const change = CHANGES.find(
        (one) => call.operation === mac(`operation\n${operationOf(call.tool, one)}`),
      );
      const operation = operationOf(call.tool, step.honest ? (change ?? 0) : 99);
      const { call: id } = call;
      const effect = "possible";
      return { type: "resend", call: id, operation, txn: `txn_${n}`, presenter, effect };
    }
    case "move": {
      const call = nth(state.inFlight, step.nth);
      if (call === undefined) return null;
      const presenter = { connector: step.connector, session: `session of ${n}` };
      const { effect } = step;
      const resend = { type: "resend", call: call.call, operation: null, effect } as const;
      return { ...resend, txn: `txn_${n}`, presenter };
    }
    case "seat": {
      const parent = nth(Object.keys(state.seats), step.parent);
      if (parent === undefined) return null;
      const call = step.exchange ? (state.inFlight[0]?.call ?? null) : null;
      return { type: "seat", parent, seat: `seat_${n}`, call, ...step.asked };
    }
    case "decide": {
      const request = nth(state.approvals.toReversed(), step.nth);
      if (request === undefined) return null;
      const { verdict, human, honest } = step;
      return approve(request, {
        ...{ verdict, human, kind: nth(request.kinds, step.kind)! },
        groups: human === "human-without-groups" ? [] : ["finance"],
        ...(!honest && { digest: sha256("of another request") }),
      });
    }
    case "wait":
    case "locks":
    case "activate":
      return null;
  }
}

/** All that histories make of one tool. */
const CHANGES = [0, 1];
const operationOf = (tool: string, change: number): string => sha256(`${tool} ${change}`);

function callOf(
  seats: readonly string[],
  { seat, tool, change, fits, session, idempotencyKey, again }: CallStep,
  underWay: string | undefined,
  n: number,
): Command {
  const fit = fitting({ operation: operationOf(tool, change), target: `target ${change % 2}` });
  return callCommand(again && underWay !== undefined ? underWay : `call_${n}`, {
    ...{ tool, txn: `txn_${n}`, approval: `apr_${n}`, idempotencyKey },
    seat: typeof seat === "string" ? seat : (nth(seats, seat) ?? "seat_1"),
    shaped: fits === null ? null : fits ? fit : { ok: false, at: ["/x"] },
    presenter: session === null ? null : { connector: "con_1", session },
  });
}
