/**
 * Where `text` begins in `corpus`, overlaps included, in time linear in both (Knuth, Morris, Pratt).
 * `indexOf` takes half a minute for `xxx…x` in a corpus of x, and both are chosen by who attacks.
 */
export function* occurrences(corpus: string, text: string): Generator<number> {
  if (text === "") return;
  const borders = bordersOf(text);
  let matched = 0;
  for (let at = 0; at < corpus.length; at++) {
    const unit = corpus.charCodeAt(at);
    while (matched > 0 && text.charCodeAt(matched) !== unit) matched = borders[matched - 1]!;
    if (text.charCodeAt(matched) === unit) matched++;
    if (matched < text.length) continue;
    yield at + 1 - matched;
    matched = borders[matched - 1]!;
  }
}

/** For each prefix, how much of its beginning is also its end. */
function bordersOf(text: string): Uint32Array {
  const borders = new Uint32Array(text.length);
  for (let at = 1, length = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    while (length > 0 && text.charCodeAt(length) !== unit) length = borders[length - 1]!;
    if (text.charCodeAt(length) === unit) length++;
    borders[at] = length;
  }
  return borders;
}
