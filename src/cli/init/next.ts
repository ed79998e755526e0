import type { Plan } from "./plan.ts";

/** What to type after `postern init`, in this order; the daemons stay up in terminals of their own. */
export function nextCommands(dir: string, plan: Plan, postern: string): readonly string[] {
  const { gateway, network, tier, tool, secrets } = plan;
  const at = (name: string): string => shellWord(dir === "/" ? `/${name}` : `${dir}/${name}`);
  const environment = secrets.map((name) => `${name}=… `).join("");
  return [
    `${postern} bundle check ${at("bundle")} --connector ${at("connector.jsonc")}`,
    `${postern} gateway run --config ${at("postern.jsonc")} --bundle ${at("bundle")}`,
    `${postern} connector enroll --network ${network} --tier ${tier} --data ${at("data")}`,
    `${environment}${postern} connector run --config ${at("connector.jsonc")} --gateway ${gateway} --join CODE`,
    `${postern} call make ${tool} --as ${at("profile.jsonc")}`,
  ];
}

/** How this very process was started: in a clone by npm, elsewhere by its own name. */
export function ownCommand(env: { readonly [name: string]: string | undefined }): string {
  return env["npm_lifecycle_event"] === "postern" ? "npm run postern --" : "postern";
}

function shellWord(text: string): string {
  return /^[A-Za-z0-9_./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
