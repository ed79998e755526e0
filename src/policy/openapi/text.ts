/** Controls, direction marks, zero-width and tag characters: text that a reader does not see. */
const HIDDEN = /[[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cn}]--[\t\n]]/gv;
const MARKUP = /<[^<>]{0,200}>/g;

/**
 * What a document says about itself, as an agent may read it: one line, no markup, capped. It was
 * written by whoever wrote the service, so it may try to give orders: a person reads it in review.
 */
export function cleanText(text: unknown, maxChars: number): string {
  if (typeof text !== "string") return "";
  const plain = text
    // What is far behind the cap is not looked at.
    .slice(0, maxChars * 8)
    .toWellFormed()
    .replaceAll(HIDDEN, "")
    .replaceAll(MARKUP, " ")
    .replaceAll(/\s+/g, " ")
    .trim();
  return plain.length <= maxChars
    ? plain
    : `${plain.slice(0, maxChars - 1).trimEnd()}…`.toWellFormed();
}

/** `listPullRequests`, `pulls/list-files` → `list_pull_requests`, `pulls_list_files`. */
export function snake(name: string): string {
  return name
    .replaceAll(/([a-z0-9])([A-Z])/g, "$1_$2")
    .replaceAll(/([A-Z]+)([A-Z][a-z])/g, "$1_$2")
    .replaceAll(/[^A-Za-z0-9]+/g, "_")
    .replaceAll(/^_+|_+$/g, "")
    .toLowerCase();
}

/** `list_pull_requests` → `List pull requests`. */
export function titleOf(id: string): string {
  const words = id.replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** A name of the wire as the name of an argument: `filter[status]` → `filterStatus`. */
export function argumentName(wire: string): string {
  const [first = "", ...rest] = wire.split(/[^A-Za-z0-9_]+/).filter((part) => part !== "");
  const name = first + rest.map((part) => part.charAt(0).toUpperCase() + part.slice(1)).join("");
  const safe = /^[A-Za-z]/.test(name) ? name : `p${name}`;
  return safe.slice(0, 64);
}
