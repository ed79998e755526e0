import { find, type Located } from "./located.ts";
import type { DestinationDescription } from "./model.ts";
import { add } from "./template.ts";
import type { Place } from "./read.ts";

/** How much of an answer is read, beside how much of it is delivered. */
export function checkLimits(
  node: Located,
  {
    maxResultBytes,
    maxAnswerBytes,
  }: { readonly [name in "maxResultBytes" | "maxAnswerBytes"]: number | undefined },
  destination: DestinationDescription | undefined,
  place: Place,
): void {
  if (maxAnswerBytes === undefined) return;
  const at = find(node, "maxAnswerBytes");
  if (destination?.kind === "postgres") {
    const message = '"maxAnswerBytes" has no meaning for a database: it stops after a whole row';
    return add(place, at, "annotation_misplaced", message, 'remove it: "maxResultBytes" is enough');
  }
  if (maxResultBytes === undefined || maxAnswerBytes >= maxResultBytes) return;
  add(
    place,
    at,
    "out_of_range",
    `${maxAnswerBytes} bytes of an answer are never ${maxResultBytes} of a result`,
    `use a number from ${maxResultBytes}, or remove it: four times "maxResultBytes"`,
  );
}
