import { createHash } from "node:crypto";
import { canonical } from "../../core/model/json.ts";
import type { JsonObject } from "../../core/model/json.ts";
import type { Answer, Evaluator } from "../../core/model/policy.ts";
import { type BundleSource, POLICY_FILES, type PolicyFile } from "../bundle/model.ts";
import {
  policyToJson,
  preparsePolicySet,
  statefulIsAuthorized,
  type Context,
  type EntityJson,
  type PolicyJson,
} from "./engine.ts";
import { Memo } from "./memo.ts";
import { projectionOf, type Projection } from "./projection.ts";
import { readsOf } from "./reads.ts";
import { splitPolicies } from "./split.ts";
import { entitiesOf } from "./walk.ts";

/** What evaluating needs of a bundle. */
export type EvaluatorSource = Pick<BundleSource, "policies" | "destinations" | "tools">;

export interface EvaluatorOptions {
  /** Off: every question goes to Cedar with its whole context. For tests and measurements. */
  readonly memo: boolean;
}

/** Cedar could not answer: nothing is admitted. Its own message may quote the context. */
export class PolicyTrap extends Error {
  override readonly name = "PolicyTrap";
}

/**
 * One policy set per class, parsed once: a policy in data.cedar cannot allow an action. Policies are
 * pure functions of the question, so equal questions have equal answers; questions that differ only
 * in what no policy of the class reads are equal.
 */
export function cedarEvaluator(
  source: EvaluatorSource,
  options: EvaluatorOptions = { memo: true },
): Evaluator {
  const entities = entityTable(source);
  const files = Object.fromEntries(
    POLICY_FILES.map((file) => [
      file,
      new FileEvaluator(file, source.policies[file], entities, options),
    ]),
  ) as Record<PolicyFile, FileEvaluator>;
  return {
    evaluate: ({ policyClass, human, ...question }) =>
      files[policyClass].answer({ ...question, asked: human === true ? "Human" : "Agent" }),
    authorize: (question) => files.authority.answer({ ...question, asked: "Human" }),
  };
}

interface Asked {
  readonly asked: "Agent" | "Human";
  readonly principal: string;
  readonly action: string;
  readonly resource: { readonly type: string; readonly id: string };
  readonly context: JsonObject;
}

type EntityTable = ReadonlyMap<string, readonly EntityJson[]>;

class FileEvaluator {
  readonly #set: string;
  readonly #entities: EntityTable;
  /** Entities the policies name: they may read attributes of those, too. */
  readonly #named: readonly EntityJson[];
  readonly #project: Projection;
  readonly #memo: Memo<Answer> | null;

  constructor(file: PolicyFile, text: string, entities: EntityTable, options: EvaluatorOptions) {
    const policies = new Map<string, { readonly text: string; readonly json: PolicyJson }>();
    for (const piece of splitPolicies(text)) {
      const parsed = policyToJson(piece.text);
      const id = parsed.type === "success" ? parsed.json.annotations?.["id"] : undefined;
      if (parsed.type !== "success" || id == null || policies.has(id)) {
        throw new PolicyTrap(`policies/${file}.cedar was not checked`);
      }
      policies.set(id, { text: piece.text, json: parsed.json });
    }
    const staticPolicies = Object.fromEntries(
      [...policies].map(([id, policy]) => [id, policy.text]),
    );
    // The engine keeps sets by name for the life of the process: the name is the content.
    this.#set = createHash("sha256").update(canonical(staticPolicies)).digest("hex");
    if (preparsePolicySet(this.#set, { staticPolicies }).type !== "success") {
      throw new PolicyTrap(`policies/${file}.cedar was not checked`);
    }
    const json = [...policies.values()].map((policy) => policy.json);
    this.#entities = entities;
    this.#named = json
      .flatMap(entitiesOf)
      .flatMap(({ type, id }) => entities.get(entityKey(type, id)) ?? []);
    this.#project = projectionOf(options.memo ? readsOf(json) : "everything");
    this.#memo = options.memo ? new Memo() : null;
  }

  answer(question: Asked): Answer {
    const { asked, principal, action, resource } = question;
    const { key, context } = this.#project(question.context);
    // Ids of the bundle hold no line break, so the parts of the key cannot run into each other.
    const whole = `${asked}\n${principal}\n${action}\n${resource.type}\n${resource.id}\n${key}`;
    const known = this.#memo?.get(whole);
    if (known !== undefined) return known;
    const entities = new Map(
      [...(this.#entities.get(entityKey(resource.type, resource.id)) ?? []), ...this.#named].map(
        (entity) => [keyOfUid(entity), entity],
      ),
    );
    const answer = statefulIsAuthorized({
      principal: { type: asked, id: principal },
      action: { type: "Action", id: action },
      resource,
      context: context as Context,
      preparsedPolicySetId: this.#set,
      entities: [...entities.values()],
    });
    if (answer.type !== "success") throw new PolicyTrap("the policy engine did not answer");
    const { decision, diagnostics } = answer.response;
    const result: Answer = Object.freeze({
      decision,
      ruleIds: Object.freeze(diagnostics.reason.toSorted()),
      errors: Object.freeze(diagnostics.errors.map((error) => error.policyId).sort()),
    });
    this.#memo?.set(whole, result);
    return result;
  }
}

function entityKey(type: string, id: string): string {
  return `${type}\n${id}`;
}

function keyOfUid(entity: EntityJson): string {
  const uid = "__entity" in entity.uid ? entity.uid.__entity : entity.uid;
  return entityKey(uid.type, uid.id);
}

/** Each tool with its destination, each destination alone; agents and data classes have no attributes. */
function entityTable({ tools, destinations }: EvaluatorSource): EntityTable {
  const table = new Map<string, readonly EntityJson[]>();
  for (const { id, network, tier, kind } of destinations) {
    table.set(entityKey("Destination", id), [
      { uid: { type: "Destination", id }, attrs: { network, tier, kind }, parents: [] },
    ]);
  }
  for (const { tool } of tools) {
    const { id, destination, action, tier, writeDomain } = tool;
    const entity: EntityJson = {
      uid: { type: "Tool", id },
      attrs: {
        destination: { __entity: { type: "Destination", id: destination } },
        action,
        tier,
        ...(writeDomain !== undefined && { writeDomain }),
      },
      parents: [],
    };
    const behind = table.get(entityKey("Destination", destination)) ?? [];
    table.set(entityKey("Tool", id), [entity, ...behind]);
  }
  return table;
}
