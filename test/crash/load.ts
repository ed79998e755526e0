import type { Outcome, Workflow } from "../acceptance/support/workflow.ts";
import type { Random } from "./random.ts";

/** What the client was told before the gateway died: the promises it has to keep. */
export interface Ledger {
  readonly calls: Outcome[];
  /** Last checkpoint that was acknowledged. */
  checkpoint: number;
  /** Calls out at the moment of the kill. */
  inFlight: number;
}

const CALLERS = 48;
const TOOLS = ["lab_note", "lab_write", "lab_note", "lab_fortress"] as const;

export interface Next {
  readonly tool: string;
  readonly arguments: object;
}

function anyOf(random: Random): (caller: number, n: number) => Next {
  return (caller, n) => {
    const tool = TOOLS[random.integer(0, TOOLS.length - 1)] ?? "lab_note";
    return { tool, arguments: tool === "lab_fortress" ? {} : { text: `${caller}-${n}` } };
  };
}

/** Callers that call as fast as they are answered, until nobody answers any more. */
export function load(
  workflow: Workflow,
  random: Random,
  next = anyOf(random),
): { readonly ledger: Ledger; readonly ended: Promise<void> } {
  const ledger: Ledger = { calls: [], checkpoint: 0, inFlight: 0 };
  const call = async (caller: number): Promise<void> => {
    for (let n = 0; ; n++) {
      ledger.inFlight++;
      const outcome = await answered(workflow.request("POST", "/calls", next(caller, n)));
      // A request that broke was in flight when it happened: it is not taken off the count.
      if (outcome === null) return;
      ledger.inFlight--;
      ledger.calls.push(outcome as Outcome);
    }
  };
  const save = async (): Promise<void> => {
    for (let n = 1; ; n++) {
      if ((await answered(workflow.request("PUT", "/checkpoint", n))) === null) return;
      ledger.checkpoint = n;
    }
  };
  const everybody = [save(), ...Array.from({ length: CALLERS }, (_, caller) => call(caller))];
  return { ledger, ended: Promise.all(everybody).then(() => undefined) };
}

/** Null: the connection broke, so nothing was promised. A status other than 200 is a defect. */
async function answered(request: ReturnType<Workflow["request"]>): Promise<unknown> {
  const answer = await request.catch(() => null);
  if (answer === null) return null;
  if (answer.status !== 200) throw new Error(`answered ${answer.status}: ${answer.text}`);
  return answer.body;
}
