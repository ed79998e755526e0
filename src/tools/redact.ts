import { isObject, type Json, type JsonObject } from "../core/model/json.ts";
import type { RedactionCount } from "../core/model/event.ts";
import type { Redaction } from "../core/model/outcome.ts";
import type { RedactionPlan } from "../core/model/policy.ts";
import type { OutputNode, OutputTree } from "./classify.ts";
import { MAX_PLACES, MAX_REDACTIONS } from "./limits.ts";
import { pointer, put } from "./pointer.ts";
import type { Standing, StandingOf } from "./standing.ts";

export type Redacted =
  | {
      readonly ok: true;
      readonly value: Json;
      /** The first MAX_REDACTIONS; `counts` has all. */
      readonly redactions: readonly Redaction[];
      readonly counts: readonly RedactionCount[];
      readonly dropped: number;
      readonly undeclared: number;
    }
  | { readonly ok: false; readonly fault: "not_conforming" | "too_many_places" };

export type Redactor = (value: Json, plan: RedactionPlan) => Redacted;

export function compileRedactor(tree: OutputTree, standingOf: StandingOf): Redactor {
  return (value, plan) => new Walk(tree, plan, standingOf(plan)).run(value);
}

/** Takes the place of a record that leaves its array. */
const DROPPED = Symbol("dropped");
type Walked = Json | typeof DROPPED;

/**
 * One pass: checks, classifies and builds the delivered value anew, so that nothing that was not
 * looked at can get through. Depth is bounded by the schema's.
 */
class Walk {
  readonly #tree: OutputTree;
  readonly #plan: RedactionPlan;
  readonly #standing: Standing;
  readonly #at: (string | number)[] = [];
  readonly #redactions: Redaction[] = [];
  readonly #counts = new Map<OutputNode, Map<string, number>>();
  #dropped = 0;
  #undeclared = 0;
  #places = 0;
  #fault: "not_conforming" | "too_many_places" | null = null;

  constructor(tree: OutputTree, plan: RedactionPlan, standing: Standing) {
    this.#tree = tree;
    this.#plan = plan;
    this.#standing = standing;
  }

  run(raw: Json): Redacted {
    const value = this.#walk(this.#tree.root, raw, false);
    if (this.#fault !== null || value === DROPPED) {
      return { ok: false, fault: this.#fault ?? "not_conforming" };
    }
    return {
      ok: true,
      value,
      redactions: this.#redactions,
      counts: [...this.#counts].flatMap(countsOf).sort(byPathAndClass),
      dropped: this.#dropped,
      undeclared: this.#undeclared,
    };
  }

  #walk(node: OutputNode, value: Json, isItem: boolean): Walked {
    if (!this.#visit(1)) return null;
    if (this.#standing.withheld[node.index] === true && node !== this.#tree.root) {
      // Not fetched is null; anything else is still held to the schema before it is withheld.
      if (value !== null) this.#examine(node, value);
      return this.#withhold(node, node.classes);
    }
    if (!node.check(value)) return this.#fail();
    if (Array.isArray(value)) return this.#array(node, value);
    return isObject(value) ? this.#object(node, value, isItem) : value;
  }

  #object(node: OutputNode, value: JsonObject, isItem: boolean): Walked {
    const record = node.records.find(
      ({ dataClass, matches }) => this.#standing.denied.has(dataClass) && matches(value),
    );
    if (record !== undefined) return this.#withholdRecord(node, record.dataClass, isItem);

    const delivered: Record<string, Json> = {};
    if (!this.#visit(node.properties.length)) return null;
    let known = 0;
    for (const { key, required, node: member } of node.properties) {
      const given = Object.hasOwn(value, key);
      if (given) known++;
      if (member.classes.length === 0) {
        if (given) this.#undeclared++;
        continue;
      }
      // Whether a withheld member was there at all is data, too: it is always null.
      if (!given && this.#standing.withheld[member.index] !== true) {
        if (required) return this.#fail();
        continue;
      }
      this.#member(delivered, key, member, given ? (value[key] as Json) : null);
      if (this.#fault !== null) return null;
    }
    this.#mapEntries(node, value, known, delivered);
    return delivered;
  }

  #mapEntries(
    node: OutputNode,
    value: JsonObject,
    known: number,
    delivered: Record<string, Json>,
  ): void {
    const keys = Object.keys(value);
    const { extra, names } = node;
    if (extra === null || extra.classes.length === 0) {
      this.#undeclared += keys.length - known;
      return;
    }
    for (const key of keys) {
      if (names.has(key)) continue;
      if (!key.isWellFormed()) this.#fail();
      if (this.#fault !== null) return;
      this.#member(delivered, key, extra, value[key] as Json);
    }
  }

  #member(delivered: Record<string, Json>, key: string, node: OutputNode, value: Json): void {
    this.#at.push(key);
    const walked = this.#walk(node, value, false);
    this.#at.pop();
    if (walked !== DROPPED) put(delivered, key, walked);
  }

  #array(node: OutputNode, value: readonly Json[]): Json {
    const { items } = node;
    if (items === null) return this.#fail();
    const delivered: Json[] = [];
    for (const item of value) {
      this.#at.push(delivered.length);
      const walked = this.#walk(items, item, true);
      this.#at.pop();
      if (this.#fault !== null) return null;
      if (walked !== DROPPED) delivered.push(walked);
    }
    return delivered;
  }

  /** A root object stays an object, as its published schema says: its members go instead. */
  #withholdRecord(node: OutputNode, dataClass: string, isItem: boolean): Walked {
    if (isItem) {
      this.#dropped++;
      return DROPPED;
    }
    if (node !== this.#tree.root) return this.#withhold(node, [dataClass]);
    const members: Record<string, Json> = {};
    for (const { key, node: member } of node.properties) {
      if (member.classes.length === 0) continue;
      this.#at.push(key);
      put(members, key, this.#withhold(member, [dataClass]));
      this.#at.pop();
    }
    return members;
  }

  /** A value that will not be delivered, against its schema all the same. */
  #examine(node: OutputNode, value: Json): void {
    if (!this.#visit(1)) return;
    if (!node.check(value)) {
      this.#fail();
    } else if (Array.isArray(value)) {
      if (node.items === null) return;
      for (const item of value as readonly Json[]) {
        this.#examine(node.items, item);
        if (this.#fault !== null) return;
      }
    } else if (isObject(value)) {
      this.#examineObject(node, value);
    }
  }

  #examineObject(node: OutputNode, value: JsonObject): void {
    if (!this.#visit(node.properties.length)) return;
    for (const { key, required, node: member } of node.properties) {
      if (member.classes.length === 0) continue;
      if (Object.hasOwn(value, key)) this.#examine(member, value[key] as Json);
      else if (required) this.#fail();
      if (this.#fault !== null) return;
    }
    if (node.extra === null) return;
    for (const key of Object.keys(value)) {
      if (!node.names.has(key)) this.#examine(node.extra, value[key] as Json);
      if (this.#fault !== null) return;
    }
  }

  #withhold(node: OutputNode, classes: readonly string[]): null {
    let counted = this.#counts.get(node);
    if (counted === undefined) this.#counts.set(node, (counted = new Map()));
    for (const dataClass of classes) {
      counted.set(dataClass, (counted.get(dataClass) ?? 0) + 1);
      if (this.#redactions.length < MAX_REDACTIONS) {
        const path = pointer(this.#at);
        const ruleIds = ruleIdsOf(this.#plan, dataClass);
        this.#redactions.push({ path, dataClass, ruleIds, transform: "null" });
      }
    }
    return null;
  }

  #fail(): null {
    this.#fault ??= "not_conforming";
    return null;
  }

  #visit(places: number): boolean {
    this.#places += places;
    if (this.#places > MAX_PLACES) this.#fault ??= "too_many_places";
    return this.#fault === null;
  }
}

export function ruleIdsOf(plan: RedactionPlan, dataClass: string): readonly string[] {
  return (Object.hasOwn(plan, dataClass) ? plan[dataClass]?.ruleIds : null) ?? ["default:data"];
}

function countsOf([{ path }, counted]: [OutputNode, Map<string, number>]): RedactionCount[] {
  return [...counted].map(([dataClass, count]) => ({ path, dataClass, count }));
}

function byPathAndClass(a: RedactionCount, b: RedactionCount): number {
  return compare(a.path, b.path) || compare(a.dataClass, b.dataClass);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
