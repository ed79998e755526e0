import { PassThrough } from "node:stream";
import { once } from "node:events";
import { beforeEach, describe, expect, it } from "vitest";
import { FakeClock, settle } from "../../tunnel/testing.ts";
import { Entrance } from "./entrance.ts";

let clock: FakeClock;
let entrance: Entrance;
/** Who of the line comes next. */
let draw: (count: number) => number;
let inside: number[];
let leaving: Map<number, () => void>;
beforeEach(() => {
  clock = new FakeClock();
  draw = () => 0;
  entrance = new Entrance((count) => draw(count), clock);
  [inside, leaving] = [[], new Map()];
});

/** The `n`-th to come. */
function come(n: number): PassThrough {
  const socket = new PassThrough();
  entrance.enter(socket, (leave) => {
    inside.push(n);
    leaving.set(n, leave);
  });
  return socket;
}
function crowd(count: number): PassThrough[] {
  return Array.from({ length: count }, (_, n) => come(n));
}
async function gone(socket: PassThrough): Promise<void> {
  socket.destroy();
  await once(socket, "close");
}
const first = (count: number): number[] => Array.from({ length: count }, (_, n) => n);

describe("those who have not proved anything", () => {
  it("come in 64 at a time, and others as they leave", () => {
    crowd(70);
    expect(inside).toEqual(first(64));
    leaving.get(7)?.();
    leaving.get(3)?.();
    expect(inside).toEqual(first(66));
  });

  it("count once, also where one proves itself and its socket is closed later", async () => {
    const sockets = crowd(70);
    leaving.get(0)?.();
    leaving.get(0)?.();
    await gone(sockets[0]!);
    expect(inside).toEqual(first(65));
  });

  it("make room by going away, whether they were in or still waited", async () => {
    const sockets = crowd(70);
    await gone(sockets[64]!);
    await gone(sockets[65]!);
    await gone(sockets[1]!);
    expect(inside).toEqual([...first(64), 66]);
  });

  it("are no longer in line once their peer has given up, or speaks before it was asked", async () => {
    const sockets = crowd(70);
    sockets[64]!.end();
    sockets[65]!.write("GET / HTTP/1.1");
    await Promise.all([once(sockets[64]!, "close"), once(sockets[65]!, "close")]);
    leaving.get(0)?.();
    expect(inside).toEqual([...first(64), 66]);
    // What it says from then on is for whoever takes it in that turn.
    const heard = once(sockets[66]!, "data");
    sockets[66]!.write("hello");
    expect(String((await heard)[0])).toBe("hello");
    expect(sockets[66]!.destroyed).toBe(false);
  });

  it("are drawn from the line, all of it", () => {
    const counts: number[] = [];
    draw = (count) => {
      counts.push(count);
      return count - 1;
    };
    crowd(70);
    leaving.get(0)?.();
    leaving.get(1)?.();
    expect(inside).toEqual([...first(64), 69, 68]);
    expect(counts).toEqual([6, 5]);
  });

  it("wait, as many as 2,048; then one that is drawn makes room for who comes", () => {
    const sockets = crowd(64 + 2_048);
    expect(sockets.filter(({ destroyed }) => destroyed)).toEqual([]);
    draw = () => 7;
    const more = come(9_999);
    expect(sockets.map(({ destroyed }) => destroyed).indexOf(true)).toBe(64 + 7);
    expect(more.destroyed).toBe(false);
    expect(inside).toEqual(first(64));
  });

  it("keep their place for a second, and then for as long as nobody waits", async () => {
    const sockets = crowd(64);
    await clock.pass(1_000);
    await settle();
    expect(sockets.filter(({ destroyed }) => destroyed)).toEqual([]);
    come(64);
    expect(sockets.map(({ destroyed }) => destroyed).indexOf(true)).toBe(0);
    await once(sockets[0]!, "close");
    expect(inside).toEqual(first(65));
    expect(sockets.filter(({ destroyed }) => destroyed)).toHaveLength(1);
  });

  it("make room when their second is over, one for each who waits", async () => {
    const sockets = crowd(66);
    await clock.pass(999);
    await settle();
    expect(sockets.filter(({ destroyed }) => destroyed)).toEqual([]);
    await clock.pass(1);
    await settle();
    await settle();
    expect(inside).toEqual(first(66));
    expect(sockets.filter(({ destroyed }) => destroyed)).toHaveLength(2);
  });
});
