/** Requests that begin in one turn of the event loop at most. */
export const MOST_PER_TURN = 64;
/** Of one tenant while others are here, and of one workflow while its tenant has others here. */
export const LEAST_PER_TURN = 2;
/** What a call costs the core, about. While the disk takes longer than that, more may begin: nobody waits for them. */
const CALL_MS = 0.5;
/** Requests of one tenant that wait for their turn: about a second of work. No workflow takes the last quarter. */
export const MAX_WAITING = 2_048;
export const MAX_WAITING_EACH = (MAX_WAITING * 3) / 4;
/** Whoever asked so long ago counts as here: between two calls of an agent lies a moment without any. */
export const HERE_MS = 1_000;

export interface CorePorts {
  /** Monotonic milliseconds. */
  elapsed(): number;
  /** What the last commit took: the disk is waited for in any case. */
  commitMs(): number;
  /** Runs this in the next turn of the event loop, after its input was read. */
  nextTurn(run: () => void): void;
}

/** Who asks: a tenant's workflow. An empty name stands for whoever is not known yet. */
export interface Asking {
  readonly tenant: string;
  readonly workflow: string;
}

interface Line {
  readonly waiting: (() => void)[];
  begun: number;
  seenAt: number;
}

interface Tenant {
  /** Present workflows. */
  readonly lines: Map<string, Line>;
  /** Those of which requests wait; whoever was served last stands last. */
  readonly queue: Map<string, Line>;
  waiting: number;
  begun: number;
}

/**
 * Who may use the gateway's one core next. Requests begin in turns of the event loop: a tenant alone has
 * the whole turn, and one among several a small part of it, in rotation, and the same for a tenant's
 * workflows. So what anybody sends makes a turn no longer, and others wait for no more than a few short turns.
 * Before anything is verified: a signature costs the core more than most of what comes after it.
 */
export class CoreShare {
  readonly #ports: CorePorts;
  /** Present tenants; whoever was served last stands last. */
  readonly #tenants = new Map<string, Tenant>();
  #begun = 0;
  #scheduled = false;

  constructor(ports: CorePorts) {
    this.#ports = ports;
  }

  /** True: now, or when the promise resolves. False: too many of them wait already. */
  take({ tenant: name, workflow }: Asking): boolean | Promise<true> {
    const now = this.#ports.elapsed();
    const tenant = this.#tenant(name);
    const line = lineOf(tenant, workflow, now);
    this.#schedule();
    // Behind everybody who waits in this line.
    if (line.waiting.length === 0 && this.#mayBegin(tenant, line)) {
      this.#begin(tenant, line);
      return true;
    }
    if (tenant.waiting >= MAX_WAITING || line.waiting.length >= MAX_WAITING_EACH) return false;
    tenant.waiting++;
    tenant.queue.set(workflow, line);
    return new Promise((resolve) => line.waiting.push(() => resolve(true)));
  }

  #tenant(name: string): Tenant {
    const known = this.#tenants.get(name);
    if (known !== undefined) return known;
    const tenant: Tenant = { lines: new Map(), queue: new Map(), waiting: 0, begun: 0 };
    this.#tenants.set(name, tenant);
    return tenant;
  }

  #mayBegin(tenant: Tenant, line: Line): boolean {
    if (this.#begun >= MOST_PER_TURN) return false;
    const share = Math.max(LEAST_PER_TURN, Math.ceil(this.#ports.commitMs() / CALL_MS));
    if (this.#tenants.size > 1 && tenant.begun >= share) return false;
    return tenant.lines.size === 1 || line.begun < share;
  }

  #begin(tenant: Tenant, line: Line): void {
    this.#begun++;
    tenant.begun++;
    line.begun++;
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#ports.nextTurn(() => this.#turn());
  }

  #turn(): void {
    this.#scheduled = false;
    const idle = this.#begun === 0;
    this.#begun = 0;
    const since = this.#ports.elapsed() - HERE_MS;
    for (const [name, tenant] of this.#tenants) {
      tenant.begun = 0;
      for (const [workflow, line] of tenant.lines) {
        line.begun = 0;
        if (line.waiting.length === 0 && line.seenAt <= since) tenant.lines.delete(workflow);
      }
      if (tenant.lines.size === 0) this.#tenants.delete(name);
    }
    this.#serve();
    if (!idle || this.#begun > 0) this.#schedule();
  }

  /** One of each in rotation, as long as anybody who waits may begin. */
  #serve(): void {
    for (let served = true; served;) {
      served = false;
      for (const [name, tenant] of [...this.#tenants]) {
        if (!this.#serveOne(tenant)) continue;
        served = true;
        this.#tenants.delete(name);
        this.#tenants.set(name, tenant);
      }
    }
  }

  #serveOne(tenant: Tenant): boolean {
    for (const [workflow, line] of tenant.queue) {
      if (!this.#mayBegin(tenant, line)) continue;
      tenant.waiting--;
      this.#begin(tenant, line);
      line.waiting.shift()?.();
      tenant.queue.delete(workflow);
      if (line.waiting.length > 0) tenant.queue.set(workflow, line);
      return true;
    }
    return false;
  }
}

function lineOf(tenant: Tenant, workflow: string, now: number): Line {
  const known = tenant.lines.get(workflow);
  if (known !== undefined) {
    known.seenAt = now;
    return known;
  }
  const line: Line = { waiting: [], begun: 0, seenAt: now };
  tenant.lines.set(workflow, line);
  return line;
}
