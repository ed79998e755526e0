import { describe, expect, it } from "vitest";
import type { Caller } from "../../gateway/call.ts";
import type { Outcome } from "../../core/model/outcome.ts";
import { DANA, Fixture, type SeenCall } from "./testing.ts";

const DONE: Outcome = { outcome: "ok", call: "call_1", result: { kind: "json", value: null } };
const JSON_HEADERS = {
  "content-type": "application/json",
  accept: "application/json, text/event-stream",
};
const META = {
  "io.modelcontextprotocol/protocolVersion": "2026-07-28",
  "io.modelcontextprotocol/clientCapabilities": {},
};

function post(message: object, signal?: AbortSignal): Request {
  const { method, params } = message as { method: string; params: { _meta?: object } };
  const modern = params._meta !== undefined;
  return new Request("https://gateway.example/acme/mcp", {
    method: "POST",
    headers: {
      ...JSON_HEADERS,
      "mcp-protocol-version": modern ? "2026-07-28" : "2025-11-25",
      ...(modern && { "mcp-method": method, "mcp-name": "customers_find" }),
    },
    body: JSON.stringify({ jsonrpc: "2.0", ...message }),
    ...(signal && { signal }),
  });
}

const call = (id: number | string, meta?: object): object => ({
  ...{ id, method: "tools/call" },
  params: { name: "customers_find", arguments: {}, ...(meta && { _meta: meta }) },
});
const takeBack = (requestId: unknown): Request =>
  post({ method: "notifications/cancelled", params: { requestId } });

/** Calls that end when the test says so. */
class Open {
  readonly fixture = new Fixture();
  readonly seen: SeenCall[] = [];
  #finish: (() => void)[] = [];
  #reached: (() => void)[] = [];

  constructor() {
    this.fixture.answer = (seen) => {
      this.seen.push(seen);
      this.#reached.shift()?.();
      return new Promise((resolve) => this.#finish.push(() => resolve(DONE)));
    };
  }

  /** Resolves when the gateway has it. */
  async send(request: Request, caller: Caller = DANA): Promise<void> {
    const reached = new Promise<void>((resolve) => this.#reached.push(resolve));
    this.answers.push(this.fixture.surface(request, caller));
    await reached;
  }

  readonly answers: Promise<Response>[] = [];

  get cancelled(): readonly boolean[] {
    return this.seen.map(({ cancelled }) => cancelled.aborted);
  }

  finish(): void {
    for (const end of this.#finish) end();
  }
}

describe("a call that its client takes back", () => {
  it("is cancelled by a word of its own before 2026-07-28, and then still answered", async () => {
    const open = new Open();
    await open.send(post(call(1)));
    await open.send(post(call(2)));
    const told = await open.fixture.surface(takeBack(2), DANA);
    expect(told.status).toBe(202);
    expect(open.cancelled).toEqual([false, true]);
    open.finish();
    for (const answer of open.answers) expect((await answer).status).toBe(200);
    expect(open.fixture.faults).toEqual([]);
  });

  it.each<[string, Caller, unknown]>([
    ["another seat", { ...DANA, seat: "seat_2" }, 1],
    ["another workflow", { ...DANA, workflow: "wf_2" }, 1],
    ["another tenant", { ...DANA, tenant: "globex" }, 1],
    ["another id", DANA, 2],
    ["an id of another type", DANA, "1"],
    ["no id", DANA, { id: 1 }],
  ])("is not cancelled by %s", async (_, caller, id) => {
    const open = new Open();
    await open.send(post(call(1)));
    expect((await open.fixture.surface(takeBack(id), caller)).status).toBe(202);
    expect(open.cancelled).toEqual([false]);
    open.finish();
  });

  it("is not cancelled when another client of the seat has the same id: nobody knows which", async () => {
    const open = new Open();
    await open.send(post(call(1)));
    await open.send(post(call(1)));
    await open.fixture.surface(takeBack(1), DANA);
    expect(open.cancelled).toEqual([false, false]);
    open.finish();
    for (const answer of open.answers) await (await answer).text();
    // The id is free again for the next who counts.
    await open.send(post(call(1)));
    await open.fixture.surface(takeBack(1), DANA);
    expect(open.cancelled).toEqual([false, false, true]);
    open.finish();
  });

  it("is cancelled by hanging up since 2026-07-28", async () => {
    const open = new Open();
    const gone = new AbortController();
    await open.send(post(call(1, META), gone.signal));
    gone.abort();
    expect((await open.answers[0])?.status).toBe(499);
    expect(open.cancelled).toEqual([true]);
    open.finish();
    expect(open.fixture.faults).toEqual([]);
  });

  it("is not cancelled by hanging up before: a connection that is lost says nothing", async () => {
    const open = new Open();
    const gone = new AbortController();
    await open.send(post(call(1), gone.signal));
    gone.abort();
    expect(open.cancelled).toEqual([false]);
    open.finish();
  });
});
