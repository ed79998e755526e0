import type { ObjectStorage } from "./platform.ts";

/** An object has one alarm: whoever wants it sooner gets it, and whoever it wakes looks after all. */
export class Alarm {
  readonly #storage: Pick<ObjectStorage, "getAlarm" | "setAlarm">;
  #at: number | null = null;

  constructor(storage: Pick<ObjectStorage, "getAlarm" | "setAlarm">) {
    this.#storage = storage;
  }

  /** What was set before this object was started. */
  async load(): Promise<void> {
    this.#at = await this.#storage.getAlarm();
  }

  /** Durable with whatever is written in the same turn. */
  by(at: number): void {
    if (this.#at !== null && this.#at <= at) return;
    this.#at = at;
    // A write like any other: one that fails breaks the object, and the next one starts anew.
    void this.#storage.setAlarm(at);
  }

  /** It went off; nothing is set until somebody asks. */
  wentOff(): void {
    this.#at = null;
  }
}
