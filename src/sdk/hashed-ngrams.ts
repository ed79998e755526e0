/**
 * A text as a vector, without a model: hashed words and parts of words. Whoever fills an index needs
 * the very function that its queries go through, so it is fixed here, step by step, and pinned by
 * tests: changing it makes every stored vector worthless. It knows spelling, not meaning; see
 * docs/decisions/0041-a-query-becomes-a-vector-at-the-connector.md.
 *
 * 1. NFKC, lower case; words are runs of letters and digits. Words in `COMMON` say nothing and go.
 * 2. Each word gives itself, and each three and four characters in a row of `<word>`.
 * 3. A feature that occurs n times weighs √n, a whole word twice as much as a part of one.
 * 4. FNV-1a (32 bits, of the UTF-8 bytes) says where a feature counts, its highest bit with which sign.
 * 5. The vector is scaled to length 1 and rounded to five decimals.
 */
export function hashedNgrams(text: string, dimensions: number): readonly number[] {
  const vector = new Float64Array(dimensions);
  for (const [feature, { count, weight }] of featuresOf(text)) {
    const hash = fnv1a(feature);
    const at = hash % dimensions;
    vector[at] = (vector[at] ?? 0) + (hash >>> 31 === 0 ? 1 : -1) * weight * Math.sqrt(count);
  }
  let square = 0;
  for (const value of vector) square += value * value;
  // All of it cancelled out, or there was nothing: a vector of length 0 has no direction to compare.
  if (square === 0) return Array.from(vector, (_, at) => (at === 0 ? 1 : 0));
  const length = Math.sqrt(square);
  return Array.from(vector, (value) => Math.round((value / length) * 1e5) / 1e5);
}

const WORD = /[\p{L}\p{N}]+/gu;
const WORD_WEIGHT = 2;
const PART_SIZES = [3, 4];

type Features = Map<string, { count: number; readonly weight: number }>;

function featuresOf(text: string): Features {
  const features: Features = new Map();
  const add = (feature: string, weight: number): void => {
    const known = features.get(feature);
    if (known === undefined) features.set(feature, { count: 1, weight });
    else known.count++;
  };
  for (const [word] of text.normalize("NFKC").toLowerCase().matchAll(WORD)) {
    if (COMMON.has(word)) continue;
    add(word, WORD_WEIGHT);
    const characters = Array.from(`<${word}>`);
    for (const size of PART_SIZES) {
      for (let at = 0; at + size <= characters.length; at++) {
        // The mark keeps a part apart from the word that is spelled like it.
        add(`${characters.slice(at, at + size).join("")}\0`, 1);
      }
    }
  }
  return features;
}

const utf8 = new TextEncoder();

/** Fowler, Noll, Vo: public domain. Spreads well, and stands against nobody who wants collisions. */
function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of utf8.encode(text)) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}

/** English words that stand in every page. Other languages lose nothing but a little precision. */
const COMMON: ReadonlySet<string> = new Set(
  (
    "a about after all also an and any are as at be because been before but by can could did do does " +
    "each either else for from had has have he her his how i if in into is it its may me more most " +
    "must my no not of on one only or other our out own same she should so some such than that the " +
    "their them then there these they this those to too under up us was we were what when where " +
    "which while who whom whose why will with would you your"
  ).split(" "),
);
