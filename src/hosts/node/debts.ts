import type { TenantEventBody } from "../../core/model/tenant-event.ts";
import type { Clock } from "../../tunnel/socket.ts";
import type { Creditor, Journal, Owed } from "./journal.ts";
import type { Write } from "./sql.ts";
import type { TenantStreams } from "./tenant-stream.ts";

/** What could not be recorded is tried again after this, twice as long each time. */
const FIRST_RETRY_MS = 100;
const LONGEST_RETRY_MS = 5_000;

/** An event of the tenant stream that holds in memory already. */
export interface Debt {
  readonly tenant: string;
  readonly body: TenantEventBody;
  /** It is on disk. */
  paid(): void;
  /** It could not be written now; that is tried again. */
  late(): void;
}

export interface DebtPorts {
  readonly streams: TenantStreams;
  readonly journal: Pick<Journal, "owes" | "urge">;
  readonly clock: Clock;
}

export interface DebtListener {
  /** The tenant's stream cannot be extended any more. */
  broken(tenant: string): void;
  /** A commit, good or bad, is over. */
  over(): void;
}

/** What stands in memory and not in the record: it goes first, with whatever is committed next. */
export class Debts implements Creditor, Disposable {
  readonly #ports: DebtPorts;
  readonly #broken = new Set<string>();
  #listener: DebtListener | null = null;
  #debts: Debt[] = [];
  #retryMs = FIRST_RETRY_MS;
  #cancelRetry: () => void = () => undefined;
  #disposed = false;

  constructor(ports: DebtPorts) {
    this.#ports = ports;
    ports.journal.owes(this);
  }

  [Symbol.dispose](): void {
    this.#disposed = true;
    this.#cancelRetry();
  }

  listen(listener: DebtListener): void {
    this.#listener = listener;
  }

  owe(debt: Debt): void {
    this.#debts.push(debt);
    this.#ports.journal.urge();
  }

  owed(): Owed | null {
    const { streams } = this.#ports;
    const due: Debt[] = [];
    const writes: Write[] = [];
    for (const debt of this.#debts) {
      if (this.#broken.has(debt.tenant)) continue;
      try {
        writes.push(streams.link(debt.tenant, debt.body));
        due.push(debt);
      } catch {
        this.#giveUp(debt.tenant);
      }
    }
    if (due.length === 0) return null;
    return {
      writes,
      committed: () => this.#paid(due),
      failed: () => {
        for (const { tenant } of due) streams.rewind(tenant);
      },
    };
  }

  unrecorded(): void {
    for (const debt of this.#debts) debt.late();
    if (this.#disposed) return;
    this.#cancelRetry();
    const { clock, journal } = this.#ports;
    this.#cancelRetry = clock.after(this.#retryMs, () => journal.urge());
    this.#retryMs = Math.min(2 * this.#retryMs, LONGEST_RETRY_MS);
  }

  over(): void {
    this.#listener?.over();
  }

  #paid(paid: readonly Debt[]): void {
    const gone = new Set(paid);
    this.#debts = this.#debts.filter((debt) => !gone.has(debt));
    for (const debt of paid) debt.paid();
    this.#cancelRetry();
    this.#retryMs = FIRST_RETRY_MS;
  }

  /** One tenant's broken record must not keep the others' from being written. */
  #giveUp(tenant: string): void {
    this.#broken.add(tenant);
    for (const debt of this.#debts) if (debt.tenant === tenant) debt.late();
    this.#listener?.broken(tenant);
  }
}
