import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { JsonObject } from "../../core/model/json.ts";
import type { Answer, Evaluator, Question } from "../../core/model/policy.ts";
import { policyToJson } from "./engine.ts";
import { cedarEvaluator, type EvaluatorSource } from "./evaluator.ts";
import { projectionOf } from "./projection.ts";
import { readsOf } from "./reads.ts";

const NUMBERS = ["calls", "cost", "arguments.days"] as const;
const STRINGS = ["purpose", "tool", "arguments.who"] as const;
const integer = fc.integer({ min: -2, max: 6 });
const word = fc.constantFrom("a", "b", "c", "", "a;b", '"', "=", "+");
const quoted = word.map((text) => JSON.stringify(text));
const number = fc.constantFrom(...NUMBERS).map((name) => `context.${name}`);
const string = fc.constantFrom(...STRINGS).map((name) => `context.${name}`);

/** Conditions in every form the analysis knows, and in several it does not. Ill-typed ones too. */
const condition: fc.Arbitrary<string> = fc.letrec<{ expr: string }>((tie) => ({
  expr: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    fc
      .tuple(number, fc.constantFrom("<", "<=", ">", ">=", "==", "!="), integer)
      .map((p) => p.join(" ")),
    fc.tuple(integer, fc.constantFrom("<", ">=", "=="), number).map((p) => p.join(" ")),
    fc.tuple(string, fc.constantFrom("==", "!="), quoted).map((p) => p.join(" ")),
    fc.tuple(number, fc.constantFrom("<", "=="), number).map((p) => p.join(" ")),
    fc.tuple(string, fc.constantFrom("==", "<"), integer).map((p) => p.join(" ")),
    fc.tuple(number, integer).map(([left, right]) => `${left} + 1 > ${right}`),
    fc.tuple(string, fc.constantFrom("a*", "*b", "*")).map(([s, p]) => `${s} like "${p}"`),
    quoted.map((text) => `context.labels.contains(${text})`),
    fc.tuple(quoted, quoted).map(([a, b]) => `context.labels.containsAny([${a}, ${b}])`),
    quoted.map((text) => `context.arguments.tags.contains(${text})`),
    fc.constantFrom(
      "context has calls",
      "context has arguments",
      "context has gone",
      "context has arguments.days",
      "context.arguments has who",
      'context["calls"] == 2',
      "context.arguments == {days: 1}",
      "context == {}",
      "{inner: context}.inner.calls > 2",
      "(if context.calls > 2 then context else context).cost < 3",
      "context.arguments.days.deep == 1",
      "context.labels.isEmpty()",
      "[context.calls, 3].contains(context.cost)",
      'decimal(context.purpose).lessThan(decimal("1.5"))',
      'principal == Agent::"one"',
      "resource.destination.tier == context.purpose",
    ),
    tie("expr").map((inner) => `!(${inner})`),
    fc
      .tuple(tie("expr"), fc.constantFrom("&&", "||"), tie("expr"))
      .map(([a, op, b]) => `(${a}) ${op} (${b})`),
    fc
      .tuple(tie("expr"), tie("expr"), tie("expr"))
      .map(([a, b, c]) => `if ${a} then ${b} else ${c}`),
  ),
})).expr;

const policies = fc
  .array(
    fc.tuple(fc.constantFrom("permit", "forbid"), fc.constantFrom("when", "unless"), condition),
    {
      minLength: 1,
      maxLength: 4,
    },
  )
  .map((parts) =>
    parts
      .map(
        ([effect, clause, body], at) =>
          `@id("p${at}") ${effect} (principal, action, resource) ${clause} { ${body} };`,
      )
      .join("\n"),
  );

const optional = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(value, { nil: undefined, freq: 4 });

const context: fc.Arbitrary<JsonObject> = fc
  .record({
    calls: optional(fc.oneof({ weight: 9, arbitrary: integer }, { weight: 1, arbitrary: word })),
    cost: optional(integer),
    purpose: optional(fc.oneof({ weight: 9, arbitrary: word }, { weight: 1, arbitrary: integer })),
    tool: word,
    human: word,
    labels: optional(fc.uniqueArray(word, { maxLength: 3 })),
    arguments: optional(
      fc
        .record({
          days: optional(integer),
          who: optional(word),
          tags: optional(fc.uniqueArray(word, { maxLength: 2 })),
        })
        .map(present),
    ),
  })
  .map(present);

/** Without the members that are undefined. */
function present(record: { readonly [name: string]: unknown }): JsonObject {
  return Object.fromEntries(
    Object.entries(record).filter(([, value]) => value !== undefined),
  ) as JsonObject;
}

const question = fc
  .record({ principal: fc.constantFrom("one", "two"), id: fc.constantFrom("x", "y"), context })
  .map(({ principal, id, context: given }): Question => ({
    policyClass: "action",
    action: "read",
    principal,
    resource: { type: "Tool", id },
    context: given,
  }));

function source(action: string): EvaluatorSource {
  const destination = { id: "d", kind: "http", network: "n", tier: "internal" } as const;
  const tool = (id: string): EvaluatorSource["tools"][number] =>
    ({ tool: { id, destination: "d", action: "read", tier: "public" } }) as never;
  return {
    destinations: [destination],
    tools: [tool("x"), tool("y")],
    policies: { network: "", data: "", budget: "", authority: "", action },
  };
}

function answer(evaluator: Evaluator, asked: Question): Answer | string {
  try {
    return evaluator.evaluate(asked);
  } catch (error) {
    return error instanceof Error ? error.name : "?";
  }
}

describe("projected and memoized answers", () => {
  it("equal those of the whole context, asked afresh", () => {
    fc.assert(
      fc.property(policies, fc.array(question, { minLength: 12, maxLength: 12 }), (text, asked) => {
        const lean = cedarEvaluator(source(text));
        const plain = cedarEvaluator(source(text), { memo: false });
        for (const one of [...asked, ...asked])
          expect(answer(lean, one)).toEqual(answer(plain, one));
      }),
      { numRuns: 300 },
    );
  });
});

describe("readsOf", () => {
  const reads = (body: string): unknown => {
    const parsed = policyToJson(`permit (principal, action, resource) when { ${body} };`);
    if (parsed.type !== "success") throw new Error(body);
    const found = readsOf([parsed.json]);
    return found === "everything" ? found : Object.fromEntries(found);
  };
  const use = (more: object): object => ({ whole: false, numbers: [], strings: [], ...more });

  it.each([
    ["context.calls > 3 || 1 <= context.calls", { calls: use({ numbers: [1, 3] }) }],
    ['context.purpose != "x"', { purpose: use({ strings: ["x"] }) }],
    ['context.labels.contains("x")', { labels: use({ whole: true }) }],
    [
      "context has arguments.days && context.arguments.days < 2",
      { "arguments.days": use({ numbers: [2] }) },
    ],
    ["context.calls + 1 > 2", { calls: use({ whole: true }) }],
    ["context.arguments.a.b == 1", { "arguments.a": use({ whole: true, numbers: [1] }) }],
    ["principal == resource", {}],
    ["{a: context}.a.calls > 1", "everything"],
    ["context == {}", "everything"],
    ["[context].contains({})", "everything"],
  ])("knows what %s can see", (body, expected) => {
    expect(reads(body)).toEqual(expected);
  });
});

describe("projectionOf", () => {
  const project = projectionOf(
    new Map([
      ["calls", { whole: false, numbers: [3, 7], strings: [] }],
      ["arguments.who", { whole: false, numbers: [], strings: ["me"] }],
    ]),
  );

  it("keeps only what policies read, and no more of it than they can tell apart", () => {
    const one = project({ calls: 4, cost: 1, arguments: { who: "you", secret: "s" } });
    const two = project({ calls: 6, cost: 2, arguments: { who: "them" } });
    expect(one.key).toBe(two.key);
    expect(one.context).toEqual({ calls: 4, arguments: { who: "you" } });
    const keys = [2, 3, 4, 7, 8].map((calls) => project({ calls, arguments: {} }).key);
    expect(new Set(keys).size).toBe(5);
  });

  it("tells absent from present", () => {
    const keys = [
      project({}),
      project({ arguments: {} }),
      project({ arguments: { who: "me" } }),
      project({ arguments: { who: "" } }),
      project({ calls: 1 }),
    ].map(({ key }) => key);
    expect(new Set(keys).size).toBe(5);
  });
});
