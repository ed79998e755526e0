import type { JsonObject } from "../../core/model/json.ts";
import { environmentName } from "./names.ts";

/** What `postern init` was told on its command line, as far as it was told. */
export interface InitOptions {
  readonly kind?: string;
  readonly name?: string;
  readonly origin?: string;
  readonly addresses?: string;
  readonly path?: string;
  readonly header?: string;
  readonly url?: string;
  readonly command?: string;
  readonly tool?: string;
  readonly host?: string;
  readonly port?: string;
  readonly database?: string;
  readonly user?: string;
  readonly role?: string;
  readonly issuer?: string;
  readonly audience?: string;
  readonly signIn?: string;
  readonly agent?: string;
  readonly group?: string;
  readonly tier?: string;
  readonly network?: string;
  readonly tenant?: string;
  readonly gateway?: string;
  readonly json?: boolean;
}

/** Every option that holds a text. */
export type TextOption = Exclude<keyof InitOptions, "json">;

/** Reads options and collects what is wrong with them, so that all of it is said at once. */
export class Answers {
  readonly problems: string[] = [];
  readonly #options: InitOptions;

  constructor(options: InitOptions) {
    this.#options = options;
  }

  given(option: TextOption): string | undefined {
    return this.#options[option];
  }

  /** Without a `fallback` the option has to be there. After a problem the value is never used. */
  text(option: TextOption, { fits, fix, fallback }: Rule): string {
    const value = this.#options[option] ?? fallback;
    if (value === undefined) this.problem(option, `is missing: ${fix}`);
    else if (!fits(value)) this.problem(option, `cannot be ${JSON.stringify(value)}: ${fix}`);
    return value ?? "";
  }

  problem(option: TextOption, what: string): void {
    this.problems.push(`${flag(option)} ${what}`);
  }
}

export interface Rule {
  readonly fits: (value: string) => boolean;
  /** What to write instead. */
  readonly fix: string;
  readonly fallback?: string;
}

export function flag(option: TextOption): string {
  return `--${option.replace(/[A-Z]/, (letter) => `-${letter.toLowerCase()}`)}`;
}

const ID = /^[a-z][a-z0-9-]{0,31}$/;

/** Ids that end up in tool names, file names and environment variables as well. */
export function idRule(what: string, fallback?: string): Rule {
  return {
    fits: (value) => ID.test(value),
    fix: `${what}, in lower-case letters, digits and dashes, at most 32`,
    ...(fallback !== undefined && { fallback }),
  };
}

/** Printable, in one line: it is shown to people again and again. */
export function lineRule(what: string, fallback?: string): Rule {
  return {
    fits: (value) => /^[^\p{C}\p{Zl}\p{Zp}]{1,200}$/u.test(value),
    fix: what,
    ...(fallback !== undefined && { fallback }),
  };
}

/** Scheme, host and port. */
export function originRule(what: string, fallback?: string): Rule {
  return {
    fits: (value) => {
      if (!URL.canParse(value)) return false;
      const { origin, href, protocol } = new URL(value);
      return /^https?:$/.test(protocol) && href === `${origin}/`;
    },
    fix: `${what}: scheme, host and port`,
    ...(fallback !== undefined && { fallback }),
  };
}

/** As programs compare it; after a problem whatever was given. */
export function originOf(value: string): string {
  return URL.canParse(value) ? new URL(value).origin : value;
}

/** Where the name of a private service may lead; the connector's own reader says what it may be. */
export function addressesOf(answers: Answers): readonly string[] | null {
  const given = answers.given("addresses");
  return given === undefined ? null : given.split(",").map((one) => one.trim());
}

/** A header that carries the service's credential, and the variable that the connector takes it from. */
export function headersOf(
  answers: Answers,
  service: string,
): { readonly headers: JsonObject | null; readonly secrets: readonly string[] } {
  const header = answers.given("header");
  if (header === undefined) return { headers: null, secrets: [] };
  if (!/^[A-Za-z][A-Za-z0-9-]{0,63}$/.test(header)) {
    answers.problem("header", "cannot be that: name the header, such as Authorization");
  }
  const env = environmentName(service, header);
  return { headers: { [header.toLowerCase()]: { env } }, secrets: [env] };
}

/** Program and arguments, at white space: no shell reads them. */
export function wordsOf(answers: Answers, option: TextOption): readonly string[] | null {
  const given = answers.given(option);
  if (given === undefined) return null;
  const words = given.split(/\s+/).filter((word) => word !== "");
  if (words.length === 0) answers.problem(option, "is empty: name a program, and its arguments");
  return words;
}
