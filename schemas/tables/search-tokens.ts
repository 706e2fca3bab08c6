/** The words of a search, each with its place. */

export interface Token {
  readonly kind: 'word' | 'text' | 'operator' | 'comma' | 'open' | 'close';
  /** What it says: of a text without its quotes. */
  readonly text: string;
  /** Characters from 0. */
  readonly at: number;
  readonly length: number;
}

const KINDS: Readonly<Record<string, Token['kind']>> = { ',': 'comma', '(': 'open', ')': 'close' };
/** A ! begins a word that asks for a flag that is not set; in front of = and ~ it is an operator. */
const WORD = /(?:[^\s(),"=<>~!]|!(?![=~]))+/y;
const OPERATOR = /<=|>=|!=|!~|[=~<>]/y;
const SPACE = /\s+/y;

/** @param wrong makes the error of a character that begins nothing. */
export function tokensOf(text: string, wrong: (reason: string, at: number) => Error): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  const match = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    return pattern.exec(text)?.[0];
  };
  while (at < text.length) {
    const space = match(SPACE);
    if (space !== undefined) {
      at += space.length;
      continue;
    }
    const token = readToken(text, at, match, wrong);
    tokens.push(token);
    at += token.length;
  }
  return tokens;
}

function readToken(
  text: string,
  at: number,
  match: (pattern: RegExp) => string | undefined,
  wrong: (reason: string, at: number) => Error,
): Token {
  const character = text[at]!;
  const kind = KINDS[character];
  if (kind !== undefined) return { kind, text: character, at, length: 1 };
  if (character === '"') return quoted(text, at, wrong);
  const operator = match(OPERATOR);
  if (operator !== undefined) return { kind: 'operator', text: operator, at, length: operator.length };
  const word = match(WORD);
  if (word === undefined) throw wrong(`"${character}" begins nothing that is known here`, at);
  return { kind: 'word', text: word, at, length: word.length };
}

function quoted(text: string, start: number, wrong: (reason: string, at: number) => Error): Token {
  let value = '';
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] === '"') return { kind: 'text', text: value, at: start, length: at + 1 - start };
    if (text[at] === '\\' && (text[at + 1] === '"' || text[at + 1] === '\\')) at++;
    value += text[at];
  }
  throw wrong('a text that begins here does not end; close it with "', start);
}
