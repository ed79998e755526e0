/** One policy of a `.cedar` file: its text and where it begins. */
export interface PolicyPiece {
  readonly text: string;
  readonly offset: number;
}

/**
 * Cuts a file at the `;` that ends each policy, so that each is parsed on its own: every faulty one
 * is reported, not only the first, and each keeps its place. In Cedar `;` stands nowhere else than
 * in strings and comments.
 */
export function splitPolicies(source: string): readonly PolicyPiece[] {
  const pieces: PolicyPiece[] = [];
  let start: number | null = null;
  for (let at = 0; at < source.length;) {
    const char = source[at] ?? "";
    if (source.startsWith("//", at)) {
      const end = source.indexOf("\n", at);
      at = end < 0 ? source.length : end;
      continue;
    }
    if (start === null && !/\s/.test(char)) start = at;
    if (char === '"') at = endOfString(source, at);
    else if (char === ";") {
      pieces.push({ text: source.slice(start ?? at, at + 1), offset: start ?? at });
      start = null;
      at++;
    } else at++;
  }
  if (start !== null) {
    pieces.push({ text: source.slice(start).trimEnd(), offset: start });
  }
  return pieces;
}

function endOfString(source: string, start: number): number {
  for (let at = start + 1; at < source.length; at++) {
    const char = source[at];
    if (char === "\\") at++;
    else if (char === '"') return at + 1;
  }
  return source.length;
}

/** Cedar counts bytes of UTF-8, we count UTF-16 units. */
export function fromByteOffset(text: string, bytes: number): number {
  let seen = 0;
  let at = 0;
  for (const char of text) {
    if (seen >= bytes) break;
    const code = char.codePointAt(0) ?? 0;
    seen += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    at += char.length;
  }
  return at;
}
