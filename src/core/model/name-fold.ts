/** Letters of other alphabets that look like Latin ones; what NFKC does not fold by itself. */
const LOOK_ALIKE: { readonly [letter in string]: string } = {
  ...{ а: "a", е: "e", о: "o", р: "p", с: "c", у: "y", х: "x", і: "i", ј: "j", ѕ: "s", һ: "h" },
  ...{ ԁ: "d", ԛ: "q", ԝ: "w", к: "k", м: "m", т: "t", в: "b", н: "h", ӏ: "l", г: "r" },
  ...{ α: "a", ο: "o", ρ: "p", ν: "v", ι: "i", κ: "k", τ: "t", υ: "u", χ: "x", ε: "e", η: "n" },
  ...{ ı: "i", ł: "l", ø: "o", ɡ: "g", ɑ: "a" },
};

/**
 * Two names that a hurried reader, human or model, takes for each other have one form: case, width,
 * accents, look-alikes, separators, and the digits that pass for letters.
 */
export function foldName(name: string): string {
  return name
    .normalize("NFKD")
    .toLowerCase()
    .normalize("NFKD")
    .replaceAll(/[\p{M}\p{C}\p{Z}\p{P}]/gu, "")
    .replaceAll(/[^a-z0-9]/gu, (letter) => LOOK_ALIKE[letter] ?? letter)
    .replaceAll("0", "o")
    .replaceAll(/[1i]/g, "l");
}
