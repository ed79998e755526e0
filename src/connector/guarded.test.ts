import { describe, expect, it } from "vitest";
import type { ConnectorAnswer } from "../tunnel/protocol.ts";
import { failure, HeldBytes, type Execution, type Executor } from "./executor.ts";
import { GuardedExecutor } from "./guarded.ts";
import { httpExecution } from "./testing.ts";

const gone = failure("connection_refused", "none");
const good: ConnectorAnswer = {
  ...{ ok: true, status: 200, contentType: "text/plain", encoding: "utf8" },
  ...{ body: "x", truncated: false },
};

/** A service that is told what to answer, behind its guard. */
class Service implements Executor {
  now = 0;
  answer: ConnectorAnswer | null = good;
  asked = 0;
  readonly changes: boolean[] = [];
  readonly waiting: ((answer: ConnectorAnswer) => void)[] = [];
  readonly guard: GuardedExecutor;

  constructor(concurrency = 8, queue = 8) {
    const limits = { concurrency, queue };
    const changed = (open: boolean): number => this.changes.push(open);
    this.guard = new GuardedExecutor(this, limits, () => this.now, changed);
  }

  execute(): Promise<ConnectorAnswer> {
    this.asked++;
    if (this.answer !== null) return Promise.resolve(this.answer);
    return new Promise((resolve) => this.waiting.push(resolve));
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  ask(change: Partial<Execution> = {}): Promise<ConnectorAnswer> {
    return this.guard.execute(httpExecution("GET", change));
  }

  async asks(count: number): Promise<void> {
    for (let n = 0; n < count; n++) await this.ask();
  }
}

describe("a destination that is full", () => {
  it("refuses what has no place to wait, says when to come again, and does nothing", async () => {
    const service = new Service(1, 1);
    service.answer = null;
    const first = service.ask();
    const second = service.ask();
    const refused = { ok: false, code: "busy", effect: "none", retryAfterMs: 1_000 };
    expect(await service.ask()).toEqual(refused);
    expect(service.asked).toBe(1);
    service.answer = good;
    service.waiting[0]!(good);
    expect(await first).toEqual(good);
    expect(await second).toEqual(good);
    expect(await service.ask()).toEqual(good);
  });

  it("lets go of who waits no longer", async () => {
    const service = new Service(1, 1);
    service.answer = null;
    const first = service.ask();
    const abort = new AbortController();
    const second = service.ask({ signal: abort.signal });
    abort.abort();
    expect(await second).toEqual(failure("deadline_exceeded", "none"));
    service.waiting[0]!(good);
    await first;
    expect(service.asked).toBe(1);
  });

  it("has its place back when a request ends in a fault of ours", async () => {
    const service = new Service(1, 0);
    const broken = new GuardedExecutor(
      { execute: () => Promise.reject(new Error("fault")), close: () => Promise.resolve() },
      { concurrency: 1, queue: 0 },
      () => 0,
      () => undefined,
    );
    for (let n = 0; n < 2; n++)
      await expect(broken.execute(httpExecution())).rejects.toThrow("fault");
    expect(await service.ask()).toEqual(good);
  });
});

describe("a destination that is gone", () => {
  it("is left alone after five failures in a row, then tried by one", async () => {
    const service = new Service();
    service.answer = gone;
    await service.asks(4);
    expect(service.changes).toEqual([]);
    await service.asks(1);
    expect(service.changes).toEqual([true]);
    expect(await service.ask()).toEqual({ ...gone, retryAfterMs: 1_000 });
    service.now = 999;
    expect(await service.ask()).toEqual({ ...gone, retryAfterMs: 1 });
    expect(service.asked).toBe(5);
    service.now = 1_000;
    service.answer = null;
    const trying = service.ask();
    expect(await service.ask()).toEqual({ ...gone, retryAfterMs: 1_000 });
    expect(service.asked).toBe(6);
    service.waiting[0]!(good);
    expect(await trying).toEqual(good);
    expect(service.changes).toEqual([true, false]);
    service.answer = good;
    expect(await service.ask()).toEqual(good);
  });

  it("is left alone for longer each time, half a minute at most", async () => {
    const service = new Service();
    service.answer = gone;
    await service.asks(5);
    for (const pause of [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]) {
      expect(await service.ask()).toEqual({ ...gone, retryAfterMs: pause });
      service.now += pause;
      expect(await service.ask()).toEqual(gone);
    }
    expect(service.changes).toEqual([true]);
  });

  it("is not found to be gone by what an agent could bring about", async () => {
    const service = new Service();
    for (const code of [
      ...["connection_terminated", "deadline_exceeded", "upstream_error", "upstream_rejected"],
      ...["response_too_large", "output_invalid", "busy", "tls_certificate_error"],
    ] as const) {
      service.answer = failure(code, "none");
      await service.asks(20);
    }
    expect(service.asked).toBe(160);
    expect(service.changes).toEqual([]);
  });

  it("is not found to be gone by failures with an answer between them", async () => {
    const service = new Service();
    for (let n = 0; n < 20; n++) {
      service.answer = n % 5 === 4 ? failure("upstream_rejected", "none", 404) : gone;
      await service.ask();
    }
    expect(service.asked).toBe(20);
  });

  it("is tried again when who tried it said nothing about it, or says nothing for long", async () => {
    const service = new Service();
    service.answer = gone;
    await service.asks(5);
    service.now = 1_000;
    service.answer = failure("deadline_exceeded", "none");
    await service.ask();
    service.answer = null;
    void service.ask();
    await new Promise((resolve) => setImmediate(resolve));
    expect(service.asked).toBe(7);
    service.now += 5_999;
    expect(await service.ask()).toMatchObject({ code: "connection_refused" });
    service.now += 1;
    service.answer = good;
    expect(await service.ask()).toEqual(good);
  });
});

describe("bytes of answers under construction", () => {
  it("are shared, and no destination has more than half", () => {
    const all = new HeldBytes(100);
    const [one, other, third] = [all.share(), all.share(), all.share()];
    expect(one.take(51)).toBe(false);
    expect(one.take(50)).toBe(true);
    expect(one.take(1)).toBe(false);
    expect(other.take(50)).toBe(true);
    expect(third.take(1)).toBe(false);
    one.give(50);
    expect(third.take(50)).toBe(true);
  });
});
