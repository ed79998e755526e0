import type { Random } from "./random.ts";

/**
 * Issuer prefixes that payment processors set aside for tests: nobody can be charged with them.
 * The rest is random and the check digit is right, so detectors see what they would see for real.
 */
const TEST_CARD_PREFIXES = ["411111", "424242", "555555", "510510", "222300"] as const;
const CARD_LENGTH = 16;

export function cardNumber(random: Random): string {
  const prefix = random.pick(TEST_CARD_PREFIXES);
  const body = prefix + random.digits(CARD_LENGTH - prefix.length - 1);
  return body + luhnDigit(body);
}

/** ISO/IEC 7812-1: doubles every second digit from the right of what the check digit completes. */
function luhnDigit(body: string): number {
  let sum = 0;
  for (let fromRight = 0; fromRight < body.length; fromRight++) {
    const digit = Number(body[body.length - 1 - fromRight]);
    const weighed = fromRight % 2 === 0 ? digit * 2 : digit;
    sum += weighed > 9 ? weighed - 9 : weighed;
  }
  return (10 - (sum % 10)) % 10;
}

export function isLuhn(card: string): boolean {
  return /^\d{12,19}$/.test(card) && luhnDigit(card.slice(0, -1)) === Number(card.at(-1));
}

/** German form; bank code 99999999 belongs to no bank. */
export function iban(random: Random): string {
  const account = `99999999${random.digits(10)}`;
  return `DE${ibanCheck("DE", account)}${account}`;
}

/** ISO 7064 mod 97-10 over the rearranged number. */
function ibanCheck(country: string, account: string): string {
  return String(98n - (numeric(`${account}${country}00`) % 97n)).padStart(2, "0");
}

export function isIban(text: string): boolean {
  if (!/^[A-Z]{2}\d{2}[A-Z\d]{11,30}$/.test(text)) return false;
  return numeric(text.slice(4) + text.slice(0, 4)) % 97n === 1n;
}

function numeric(text: string): bigint {
  return BigInt(text.replace(/[A-Z]/g, (letter) => String(letter.charCodeAt(0) - 55)));
}
