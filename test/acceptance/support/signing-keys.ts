import type { Host } from "../host.ts";

/** What `postern key list --json` says of one key of the gateway's own. */
export interface KeyView {
  readonly purpose: "credential" | "call";
  /** RFC 7638 thumbprint: what a token names as its `kid`. */
  readonly key: string;
  readonly state: "next" | "active" | "retiring";
  readonly publishedAt: string;
  readonly activeAt: string;
  readonly retiredAt: string | null;
  readonly usableUntil: string | null;
  readonly goneAt: string | null;
}

export async function keyList(host: Host, purpose: KeyView["purpose"]): Promise<KeyView[]> {
  const { stdout, stderr } = await host.key("list", "--tenant", "acme", "--json");
  if (stdout === "") throw new Error(`no list of keys: ${stderr}`);
  const { keys } = JSON.parse(stdout) as { keys: KeyView[] };
  return keys.filter((one) => one.purpose === purpose);
}

/** The thumbprint of the key that signs now. */
export async function activeKey(host: Host, purpose: KeyView["purpose"]): Promise<string> {
  const active = (await keyList(host, purpose)).filter(({ state }) => state === "active");
  if (active.length !== 1) throw new Error(`${active.length} keys for ${purpose} are active`);
  return active[0]!.key;
}

export async function rotate(host: Host, ...more: readonly string[]): Promise<readonly KeyView[]> {
  const { stdout, stderr } = await host.key("rotate", "--tenant", "acme", "--json", ...more);
  if (stdout === "") throw new Error(`no rotation: ${stderr}`);
  return (JSON.parse(stdout) as { keys: KeyView[] }).keys;
}

/** The key that a token says it is signed with. */
export function kidOf(token: string): string {
  const [header = ""] = token.split(".");
  return (JSON.parse(Buffer.from(header, "base64url").toString()) as { kid: string }).kid;
}
