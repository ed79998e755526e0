import * as cedar from "@cedar-policy/cedar-wasm/nodejs";
import { cedarSchema } from "./cedar/schema.ts";
import { execFileSync } from "node:child_process";
const gens: Record<string, (n: number) => string> = {
  and: (n) => "context.calls > 1 && ".repeat(n) + "true",
  or: (n) => "context.calls > 1 || ".repeat(n) + "true",
  plus: (n) => "1 + ".repeat(n) + "1 > 2",
  not: (n) => "!".repeat(n) + "true",
  notp: (n) => "!(".repeat(n) + "true" + ")".repeat(n),
  neg: (n) => "-".repeat(n) + "1 < 2",
  parens: (n) => "(".repeat(n) + "true" + ")".repeat(n),
  ifs: (n) => "if true then ".repeat(n) + "true" + " else false".repeat(n),
  elseif: (n) => "if context.calls > 1 then false else ".repeat(n) + "true",
  dots: (n) => "context" + ".a".repeat(n) + " == 1",
  record: (n) => "{a: ".repeat(n) + "1" + "}".repeat(n) + " == 1",
  set: (n) => "[".repeat(n) + "1" + "]".repeat(n) + " == 1",
  contains: (n) => "context.labels" + '.contains("a")'.repeat(n),
  haspath: (n) => "context has a" + ".a".repeat(n),
  call: (n) => "decimal(".repeat(n) + '"1"' + ")".repeat(n) + " == 1",
  ineq: (n) => "principal == resource || ".repeat(n) + "true",
  wide: (n) => "[" + "1,".repeat(n) + "1].contains(2)",
  like: (n) => `context.purpose like "${"*a".repeat(n)}"`,
};
const [, , kind, num] = process.argv;
if (kind) {
  const text = `@id("x") permit (principal, action, resource) when { ${gens[kind]!(Number(num))} };`;
  const when = gens[kind]!(Number(num));
  const j = cedar.policyToJson(text);
  let st: string = j.type;
  if (j.type === "success") {
    const v = cedar.validate({ schema: cedarSchema("action", new Map()), policies: { staticPolicies: { policy: text } } });
    st += " " + v.type;
    st += " " + cedar.preparsePolicySet("s", { staticPolicies: { x: text } }).type;
    const a = cedar.statefulIsAuthorized({ principal: { type: "Agent", id: "a" }, action: { type: "Action", id: "read" }, resource: { type: "Tool", id: "t" }, context: { calls: 1, labels: [], purpose: "a".repeat(50) }, preparsedPolicySetId: "s", entities: [] });
    st += " " + a.type;
  }
  console.log(st, when.length);
} else {
  for (const kind of Object.keys(gens)) {
    let low = 1, high = 4000;
    const ok = (n: number) => { try { execFileSync(process.execPath, [process.argv[1]!, kind, String(n)], { stdio: ["ignore", "pipe", "ignore"], timeout: 20000 }); return true; } catch { return false; } };
    if (ok(high)) { console.log(kind, ">= 4000", execFileSync(process.execPath, [process.argv[1]!, kind, "4000"]).toString().trim().slice(0, 60)); continue; }
    while (low + 1 < high) { const m = (low + high) >> 1; if (ok(m)) low = m; else high = m; }
    console.log(kind, "max ok", low, execFileSync(process.execPath, [process.argv[1]!, kind, String(low)]).toString().trim().slice(0, 60));
  }
}
