import { randomBytes } from "node:crypto";
import { DatabaseSync } from "node:sqlite";
import type { NewTicket, Status, Ticket } from "./model.ts";

/** Tickets' own database. */
export class TicketStore {
  readonly #db: DatabaseSync;

  constructor(path: string) {
    this.#db = new DatabaseSync(path);
    this.#db.exec(`
      create table if not exists ticket (
        id text primary key,
        customerId text not null,
        invoiceId text,
        title text not null,
        text text not null,
        priority text not null,
        status text not null,
        openedAt text not null,
        human text not null,
        agent text not null,
        workflow text not null
      ) strict`);
  }

  create(ticket: NewTicket, by: Ticket["openedBy"], now: Date): Ticket {
    const id = `tkt_${randomBytes(6).toString("hex")}`;
    this.#db
      .prepare("insert into ticket values (?, ?, ?, ?, ?, ?, 'open', ?, ?, ?, ?)")
      .run(
        id,
        ticket.customerId,
        ticket.invoiceId ?? null,
        ticket.title,
        ticket.text,
        ticket.priority,
        now.toISOString(),
        by.human,
        by.agent,
        by.workflow,
      );
    return this.find(id) as Ticket;
  }

  find(id: string): Ticket | null {
    const row = this.#db.prepare("select * from ticket where id = ?").get(id);
    return row === undefined ? null : ticketOf(row as unknown as Row);
  }

  list(status: Status | undefined, limit: number): Ticket[] {
    return this.#db
      .prepare("select * from ticket where status = ? or ? is null order by openedAt desc limit ?")
      .all(status ?? null, status ?? null, limit)
      .map((row) => ticketOf(row as unknown as Row));
  }

  setStatus(id: string, status: Status): Ticket | null {
    this.#db.prepare("update ticket set status = ? where id = ?").run(status, id);
    return this.find(id);
  }

  close(): void {
    this.#db.close();
  }
}

interface Row extends Omit<Ticket, "openedBy"> {
  readonly human: string;
  readonly agent: string;
  readonly workflow: string;
}

function ticketOf({ human, agent, workflow, ...ticket }: Row): Ticket {
  return { ...ticket, openedBy: { human, agent, workflow } };
}
