import * as cedar from "@cedar-policy/cedar-wasm/nodejs";
const pol = `// hello
@id("a-1")
permit (principal, action == Action::"read", resource) when { context.calls < 3 };

forbid (principal, action, resource is Tool)
  unless { context has arguments.month && context.arguments.month like "20*" };
@id("x")
permit(principal in ?principal, action, resource);
`;
console.log(JSON.stringify(cedar.policySetTextToParts(pol)));
console.log(JSON.stringify(cedar.checkParsePolicySet({staticPolicies: pol + "\n permit(foo);\n\n forbid(bar)"}),null,1));
console.log(JSON.stringify(cedar.policyToJson(`@id("a-1") forbid (principal, action, resource is Tool)
  unless { context has arguments.month && context.arguments.month like "20*" || context["calls"] + 1 > 2 || decimal(context.x).lessThan(decimal("1.0")) };`)));
