import { isObject, type Json, type JsonObject } from "../core/model/json.ts";
import type { RedactionCount } from "../core/model/event.ts";
import type { Redaction } from "../core/model/outcome.ts";
import type { RedactionPlan } from "../core/model/policy.ts";
import type { OutputNode, OutputTree } from "./classify.ts";
import { MAX_PLACES, MAX_REDACTIONS, MAX_STANDINGS } from "./limits.ts";
import { pointer, put } from "./pointer.ts";

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

/** Not in the plan is not disclosed. */
export function disclosed(plan: RedactionPlan, dataClass: string): boolean {
  return Object.hasOwn(plan, dataClass) && plan[dataClass]?.allow === true;
}

export function compileRedactor(tree: OutputTree): Redactor {
  const standings = new Map<string, Standing>();
  return (value, plan) => {
    const standing = standingUnder(tree, plan, standings);
    return new Walk(tree, plan, standing).run(value);
  };
}

/** What a set of denied classes means for every node: worked out once per set. */
export interface Standing {
  readonly denied: ReadonlySet<string>;
  /** By node: every leaf at or below is denied, so the node becomes null whole. */
  readonly withheld: readonly boolean[];
}

export function standingOf(tree: OutputTree, plan: RedactionPlan): Standing {
  const denied = new Set(tree.classes.filter((dataClass) => !disclosed(plan, dataClass)));
  return {
    denied,
    withheld: tree.nodes.map(
      ({ classes }) => classes.length > 0 && classes.every((dataClass) => denied.has(dataClass)),
    ),
  };
}

function standingUnder(
  tree: OutputTree,
  plan: RedactionPlan,
  known: Map<string, Standing>,
): Standing {
  const key = tree.classes.map((dataClass) => (disclosed(plan, dataClass) ? "1" : "0")).join("");
  let standing = known.get(key);
  if (standing === undefined) {
    standing = standingOf(tree, plan);
    if (known.size >= MAX_STANDINGS) known.clear();
    known.set(key, standing);
  }
  return standing;
}

/** Takes the place of a value that is to leave its object or array. */
const GONE = Symbol("gone");
type Walked = Json | typeof GONE;

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
  readonly #counts = new Map<string, { path: string; dataClass: string; count: number }>();
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
    if (this.#fault !== null) return { ok: false, fault: this.#fault };
    // Nothing here is of a class anyone could disclose.
    if (value === GONE) return { ok: false, fault: "not_conforming" };
    return {
      ok: true,
      value,
      redactions: this.#redactions,
      counts: [...this.#counts.values()].sort(byPathAndClass),
      dropped: this.#dropped,
      undeclared: this.#undeclared,
    };
  }

  #walk(node: OutputNode, value: Json, isItem: boolean): Walked {
    if (!this.#visit(1)) return null;
    const rootObject = node === this.#tree.root && isObject(value);
    if (this.#standing.withheld[node.index] === true && !rootObject) {
      // Not fetched is null; anything else is still held to the schema before it is withheld.
      if (value !== null) this.#examine(node, value);
      return this.#withhold(node, node.classes);
    }
    if (!node.check(value)) return this.#fail();
    if (Array.isArray(value)) return this.#array(node, value);
    if (isObject(value)) return this.#object(node, value, isItem);
    if (!node.leaf && value === null) return null;
    if (!node.leaf || node.dataClass === null) return this.#remove(1);
    if (this.#standing.denied.has(node.dataClass)) return this.#withhold(node, [node.dataClass]);
    return value;
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
    if (!node.requiredKeys.every((key) => Object.hasOwn(value, key))) this.#fail();
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
    if (walked !== GONE) put(delivered, key, walked);
  }

  #array(node: OutputNode, value: readonly Json[]): Json {
    const { items } = node;
    if (items === null || items.classes.length === 0) {
      this.#undeclared += value.length;
      return [];
    }
    const delivered: Json[] = [];
    for (const item of value) {
      this.#at.push(delivered.length);
      const walked = this.#walk(items, item, true);
      this.#at.pop();
      if (this.#fault !== null) return null;
      if (walked !== GONE) delivered.push(walked);
    }
    return delivered;
  }

  /** A root object stays an object, as its published schema says: its members go instead. */
  #withholdRecord(node: OutputNode, dataClass: string, isItem: boolean): Walked {
    if (isItem) {
      this.#dropped++;
      return GONE;
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
    for (const dataClass of classes) {
      const key = `${node.index}:${dataClass}`;
      const counted = this.#counts.get(key);
      if (counted === undefined) this.#counts.set(key, { path: node.path, dataClass, count: 1 });
      else counted.count++;
      if (this.#redactions.length < MAX_REDACTIONS) {
        const path = pointer(this.#at);
        const ruleIds = ruleIdsOf(this.#plan, dataClass);
        this.#redactions.push({ path, dataClass, ruleIds, transform: "null" });
      }
    }
    return null;
  }

  #remove(count: number): typeof GONE {
    this.#undeclared += count;
    return GONE;
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

function ruleIdsOf(plan: RedactionPlan, dataClass: string): readonly string[] {
  return (Object.hasOwn(plan, dataClass) ? plan[dataClass]?.ruleIds : null) ?? ["default:data"];
}

function byPathAndClass(a: RedactionCount, b: RedactionCount): number {
  return compare(a.path, b.path) || compare(a.dataClass, b.dataClass);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
