import type { Action } from "../../core/model/policy.ts";
import type { CedarType } from "../cedar/schema.ts";
import type { Arguments } from "./input.ts";
import type { Located } from "./located.ts";
import type { DestinationDescription } from "./model.ts";
import type { Output } from "./output.ts";
import type { Place } from "./read.ts";

/** A template, and the data classes that its preview may show; null: it has none. */
export interface ReadTemplate<T> {
  readonly template: T;
  readonly preview: readonly string[] | null;
  /** Of a kind whose answers have one form: the tool file describes none. */
  readonly output?: Output;
  /** Where the arguments themselves say what a call is about. */
  readonly derived?: Derived;
}

export interface Derived {
  /** Beside the arguments, what policies see. */
  readonly policyArguments: readonly { readonly name: string; readonly type: CedarType }[];
  /** Of the result, sorted: its output describes none. */
  readonly dataClasses: readonly string[];
}

/** What a template is read against. */
export interface TemplateContext {
  readonly action: Action | undefined;
  readonly args: Arguments | undefined;
  readonly dataClasses: readonly string[];
  /** Undefined: not known. */
  readonly destination: DestinationDescription | undefined;
}

/** A preview, and the data classes that it may show. */
export interface Previewed<T> {
  readonly preview: T;
  readonly classes: readonly string[];
}

/** An effect that nothing can show beforehand is `execute`, a read has none. */
export function expectChange(node: Located, action: Action | undefined, place: Place): void {
  if (action === undefined || action === "mutate") return;
  add(
    place,
    node,
    "preview_without_change",
    `the action "${action}" changes nothing that a preview could show`,
    'remove "preview", or make the action "mutate"',
  );
}

export function add(
  place: Place,
  node: Located | undefined,
  code: Parameters<Place["report"]["add"]>[2],
  message: string,
  fix: string,
): void {
  place.report.add(place.file, node?.offset ?? 0, code, message, fix);
}
