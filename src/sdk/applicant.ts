import { Workflow } from "./client.ts";
import { type Connection, createDoor, type Door, exchange, tokenEndpoint } from "./door.ts";
import type { Granted, SeatAsk } from "./oauth.ts";
import { ProofKey } from "./proof.ts";

/**
 * An agent that is about to take a seat in a workflow that another one is in. It signs an actor
 * token; the other one gives the seat (`workflow.delegate`) and hands the grant over. The grant is
 * bound to a key that never left here, so whoever reads it on the way can do nothing with it.
 */
export class Applicant {
  readonly #door: Door;
  readonly #workflow: string;

  private constructor(door: Door, workflow: string) {
    this.#door = door;
    this.#workflow = workflow;
  }

  static async create(connection: Connection, workflow: string): Promise<Applicant> {
    return new Applicant(await createDoor(connection, await ProofKey.generate()), workflow);
  }

  /** Good once, for half a minute. */
  async actorToken(): Promise<string> {
    const { agent, transport } = this.#door;
    const jkt = await transport.proofKey.thumbprint();
    const audience = tokenEndpoint(this.#door);
    return agent.actorToken(audience, { workflow: this.#workflow, jkt }, transport.now());
  }

  take(grant: Granted): Workflow {
    if (grant.workflow !== this.#workflow) {
      throw new TypeError("the grant is for a seat of another workflow");
    }
    return new Workflow(this.#door, grant, this.#door.transport.now() + grant.expiresInS * 1_000);
  }
}

/** For a tool that is itself an agent: its seat in the workflow that sent it this call token, once. */
export async function seatOfCall(
  connection: Connection,
  callToken: string,
  ask: SeatAsk = {},
): Promise<Workflow> {
  const door = await createDoor(connection, await ProofKey.generate());
  const grant = await exchange(door, { kind: "call", subjectToken: callToken, ask });
  return new Workflow(door, grant, door.transport.now() + grant.expiresInS * 1_000);
}
