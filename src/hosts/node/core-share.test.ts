import { describe, expect, it } from "vitest";
import {
  CoreShare,
  HERE_MS,
  LEAST_PER_TURN,
  MAX_WAITING,
  MAX_WAITING_EACH,
  MOST_PER_TURN,
} from "./core-share.ts";

/** A core whose turns, clock and disk the test moves; `begun` names requests in the order of service. */
function core() {
  let now = 0;
  let commitMs = 0;
  let next: (() => void) | null = null;
  const begun: string[] = [];
  const share = new CoreShare({
    elapsed: () => now,
    commitMs: () => commitMs,
    nextTurn: (run) => (next = run),
  });
  return {
    begun,
    /** Null: it waits. */
    ask(tenant: string, workflow = "wf"): boolean | null {
      const turn = share.take({ tenant, workflow });
      const name = workflow === "wf" ? tenant : `${tenant}/${workflow}`;
      if (turn === true) begun.push(name);
      else if (turn !== false) void turn.then(() => begun.push(name));
      return typeof turn === "boolean" ? turn : null;
    },
    /** Begins the next turn, and gives what began in it. */
    async turn(): Promise<string[]> {
      const from = begun.length;
      const run = next;
      next = null;
      run?.();
      // Longer than any promise of the core needs.
      await new Promise(setImmediate);
      return begun.slice(from);
    },
    get asleep(): boolean {
      return next === null;
    },
    pass: (ms: number) => void (now += ms),
    disk: (ms: number) => void (commitMs = ms),
  };
}

const times = <T>(count: number, one: () => T): T[] => Array.from({ length: count }, one);

describe("a tenant that is alone", () => {
  it("begins at once, and has the whole turn", async () => {
    const { ask, turn } = core();
    expect(times(MOST_PER_TURN, () => ask("a"))).not.toContain(null);
    expect(times(3, () => ask("a"))).toEqual([null, null, null]);
    expect(await turn()).toHaveLength(3);
  });

  it("leaves nothing behind that would run on", async () => {
    const at = core();
    at.ask("a");
    await at.turn();
    await at.turn();
    expect(at.asleep).toBe(true);
  });
});

describe("a tenant that floods", () => {
  it("begins a few requests in each turn as long as another one is here", async () => {
    const { ask, turn } = core();
    ask("b");
    times(400, () => ask("a"));
    for (let at = 0; at < 10; at++) {
      expect(await turn()).toEqual(times(LEAST_PER_TURN, () => "a"));
    }
  });

  it("does not stand before a request of another tenant, however many of its own wait", async () => {
    const { ask, turn } = core();
    ask("b");
    times(400, () => ask("a"));
    await turn();
    expect(ask("b")).toBe(true);
    times(3, () => ask("b"));
    expect((await turn()).toSorted()).toEqual(["a", "a", "b", "b"]);
  });

  it("has the whole turn again when nobody else was here for a while", async () => {
    const { ask, turn, pass } = core();
    ask("b");
    times(400, () => ask("a"));
    pass(HERE_MS - 1);
    expect(await turn()).toHaveLength(LEAST_PER_TURN);
    pass(1);
    await turn();
    expect(await turn()).toHaveLength(MOST_PER_TURN);
  });

  it("finds no place to wait past its limit, and others still do", () => {
    const { ask } = core();
    ask("b");
    const flood = times(MAX_WAITING_EACH + LEAST_PER_TURN, () => ask("a"));
    expect(flood.filter((one) => one === null)).toHaveLength(MAX_WAITING_EACH);
    expect(ask("a")).toBe(false);
    expect(ask("b")).toBe(true);
    expect(ask("b")).toBeNull();
  });
});

describe("workflows of one tenant", () => {
  it("share its part as tenants share the whole", async () => {
    const { ask, turn } = core();
    ask("a", "quiet");
    times(100, () => ask("a", "loud"));
    await turn();
    expect(ask("a", "quiet")).toBe(true);
    times(3, () => ask("a", "quiet"));
    expect((await turn()).toSorted()).toEqual(["a/loud", "a/loud", "a/quiet", "a/quiet"]);
  });

  it("leave each other the last quarter of the places to wait", () => {
    const { ask } = core();
    ask("a", "quiet");
    times(MAX_WAITING_EACH + LEAST_PER_TURN, () => ask("a", "loud"));
    expect(ask("a", "loud")).toBe(false);
    const others = times(MAX_WAITING - MAX_WAITING_EACH + LEAST_PER_TURN, () => ask("a", "other"));
    expect(others).not.toContain(false);
    expect(ask("a", "other")).toBe(false);
  });

  it("do not add up against another tenant", async () => {
    const { ask, turn } = core();
    ask("b");
    for (let at = 0; at < 100; at++) ask("a", `wf-${at}`);
    const served = await turn();
    expect(served).toHaveLength(LEAST_PER_TURN);
    // In rotation: nobody is served twice while somebody waits for the first time.
    for (let at = 0; at < 20; at++) served.push(...(await turn()));
    expect(new Set(served).size).toBe(served.length);
  });

  it("fill a turn together when there are many of them", async () => {
    const { ask, turn } = core();
    for (let at = 0; at < 100; at++) times(2, () => ask("a", `wf-${at}`));
    expect(await turn()).toHaveLength(MOST_PER_TURN);
  });
});

describe("tenants that are more than one turn can serve", () => {
  it("are all served before any is served again", async () => {
    const { ask, turn } = core();
    ask("first");
    for (let at = 0; at < 100; at++) times(4, () => ask(`t-${at}`));
    await turn();
    const served: string[] = [];
    while (served.length < 100) served.push(...(await turn()));
    expect(new Set(served.slice(0, 100)).size).toBe(100);
  });
});

it("more may begin while the disk is waited for anyway", async () => {
  const { ask, turn, disk } = core();
  ask("b");
  times(100, () => ask("a"));
  disk(5);
  expect(await turn()).toHaveLength(10);
});
