/** What a statement's text shows without a grammar; the connector has the grammar and the last word. */
export interface SqlText {
  /** `$n` outside of strings, comments and quoted names, ascending. */
  readonly parameters: readonly number[];
  readonly empty: boolean;
  /** More than one statement: the extended protocol refuses it, and injection needs it. */
  readonly several: boolean;
  readonly unterminated: boolean;
}

const SKIPPED: readonly RegExp[] = [
  /--[^\n]*/y,
  /[eE]'(?:[^'\\]|\\[^]|'')*'/y,
  /'(?:[^']|'')*'/y,
  /"(?:[^"]|"")*"/y,
];
const OPENING = /[eE]?'|"/y;
const DOLLAR_QUOTE = /\$([A-Za-z_][A-Za-z0-9_]*)?\$/y;
const PARAMETER = /\$(\d{1,5})/y;
const WORD = /[A-Za-z_0-9][A-Za-z_0-9$]*/y;

export function readSql(text: string): SqlText {
  const parameters = new Set<number>();
  let tokens = 0;
  let ended = false;
  let several = false;
  let at = 0;
  const token = (): void => {
    tokens++;
    several ||= ended;
  };
  const unterminated = (): SqlText => ({
    parameters: [],
    empty: false,
    several: false,
    unterminated: true,
  });
  while (at < text.length) {
    const skipped = SKIPPED.map((rule) => matchAt(rule, text, at)).find((match) => match !== null);
    if (skipped) {
      at += skipped[0].length;
      if (!skipped[0].startsWith("--")) token();
      continue;
    }
    if (text.startsWith("/*", at)) {
      const end = endOfComment(text, at);
      if (end === null) return unterminated();
      at = end;
      continue;
    }
    const quote = matchAt(DOLLAR_QUOTE, text, at);
    if (quote) {
      const close = text.indexOf(quote[0], at + quote[0].length);
      if (close < 0) return unterminated();
      at = close + quote[0].length;
      token();
      continue;
    }
    const char = text[at] ?? "";
    if (matchAt(OPENING, text, at)) return unterminated();
    const parameter = matchAt(PARAMETER, text, at);
    if (parameter) parameters.add(Number(parameter[1]));
    if (char === ";") ended = true;
    else if (!/\s/.test(char)) token();
    at += (parameter ?? matchAt(WORD, text, at))?.[0].length ?? 1;
  }
  return {
    parameters: [...parameters].sort((a, b) => a - b),
    empty: tokens === 0,
    several,
    unterminated: false,
  };
}

function matchAt(rule: RegExp, text: string, at: number): RegExpExecArray | null {
  rule.lastIndex = at;
  return rule.exec(text);
}

/** Comments nest in Postgres. */
function endOfComment(text: string, start: number): number | null {
  let depth = 0;
  for (let at = start; at < text.length; at++) {
    if (text.startsWith("/*", at)) {
      depth++;
      at++;
    } else if (text.startsWith("*/", at)) {
      depth--;
      at++;
      if (depth === 0) return at + 1;
    }
  }
  return null;
}
