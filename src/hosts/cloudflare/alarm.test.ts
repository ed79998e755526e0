import { expect, it } from "vitest";
import { Alarm } from "./alarm.ts";

function storage(at: number | null) {
  const set: number[] = [];
  return {
    set,
    getAlarm: () => Promise.resolve(at),
    setAlarm(to: number) {
      set.push(to);
      return Promise.resolve();
    },
  };
}

it("comes for whoever wants it soonest, and is written only when it moves", () => {
  const kept = storage(null);
  const alarm = new Alarm(kept);
  for (const at of [500, 700, 500, 300]) alarm.by(at);
  expect(kept.set).toEqual([500, 300]);
});

it("keeps one that was set before the object was started, unless somebody wants it sooner", async () => {
  const kept = storage(400);
  const alarm = new Alarm(kept);
  await alarm.load();
  alarm.by(500);
  expect(kept.set).toEqual([]);
  alarm.by(399);
  expect(kept.set).toEqual([399]);
});

it("that went off is none: the next one is set, however late", async () => {
  const kept = storage(400);
  const alarm = new Alarm(kept);
  await alarm.load();
  alarm.wentOff();
  alarm.by(9_000);
  expect(kept.set).toEqual([9_000]);
});
