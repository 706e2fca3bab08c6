/**
 * The search language, one for the API, exports, the dashboard and rules:
 *
 *     src 10.0.0.0/8 and (port 443 or dns.name ~ "*.example.org") and not proto icmp
 *
 *     search   = either { "or" either }
 *     either   = term { [ "and" ] term }
 *     term     = "not" term | "(" search ")" | value | field [ operator ] value { "," value }
 *     operator = "=" | "~" | "!=" | "!~" | "<" | "<=" | ">" | ">="
 *     value    = word | '"' text '"', in which \" and \\ stand for " and \
 *
 * Fields are those of the table that is searched, also by other names. Parsing is pure; `compileSearch` makes of it what the
 * table's own conditions are. An error says where it is.
 */
import { Refusal } from './field-values.js';
import { nearestName } from './nearest.js';
import { type Token, tokensOf } from './search-tokens.js';

export const SEARCH_LENGTH_MAX = 2_000;
const TERMS_MAX = 200;
const DEPTH_MAX = 20;

/** What is wrong with a search, and where: characters from 0. */
export class SearchError extends Refusal {
  constructor(
    reason: string,
    readonly at: number,
    readonly length: number,
  ) {
    super(reason);
  }
}

export type SearchNode =
  | { readonly kind: 'and' | 'or'; readonly parts: readonly SearchNode[] }
  | { readonly kind: 'not'; readonly part: SearchNode }
  | {
      readonly kind: 'term';
      /** Empty for a value that stands alone. */
      readonly field: string;
      readonly operator: Operator;
      readonly values: readonly string[];
      /** Of the field, and of the values. */
      readonly at: number;
      readonly length: number;
      readonly valuesAt: number;
      readonly valuesLength: number;
    };

const OPERATORS = ['=', '~', '!=', '!~', '<', '<=', '>', '>='] as const;
type Operator = (typeof OPERATORS)[number];

/** What a table makes of searches. */
export interface SearchTable<Condition> {
  /** What is searched, for messages: "packets". */
  readonly what: string;
  /** Every name that a field is asked by, and the field. */
  readonly names: Readonly<Record<string, string>>;
  /** @throws Refusal */
  parse(field: string, values: readonly string[]): Condition;
  /** The greatest number of a field that holds one; null for others. */
  maximumOf(field: string): number | null;
  /** The field that a value means which stands alone; null for none. */
  fieldOf(value: string): string | null;
  /** For a field that is asked for without a value. */
  exampleOf(field: string): string;
  allOf(conditions: readonly Condition[]): Condition;
  anyOf(conditions: readonly Condition[]): Condition;
  not(condition: Condition): Condition;
}

/** Short words for fields, as they are known from capture filters. */
export const SEARCH_WORDS: Readonly<Record<string, string>> = {
  src: 'source',
  dst: 'destination',
  sport: 'source_port',
  dport: 'destination_port',
  proto: 'protocol',
  flags: 'tcp_flags',
  node: 'capture_node',
  iface: 'interface',
  len: 'length',
};

/** Whether a word means a field of a table. */
type IsField = (word: string) => boolean;

/** The field that a word means in a table. */
function fieldNamed(word: string, names: Readonly<Record<string, string>>): string | undefined {
  const name = word.toLowerCase().replaceAll('.', '_');
  const field = Object.hasOwn(SEARCH_WORDS, name) ? SEARCH_WORDS[name]! : name;
  return Object.hasOwn(names, field) ? names[field] : undefined;
}

/**
 * What a text asks of a table.
 *
 * @throws SearchError
 */
export function readSearch<Condition>(text: string, table: SearchTable<Condition>): Condition {
  return compileSearch(
    parseSearch(text, (word) => fieldNamed(word, table.names) !== undefined),
    table,
  );
}

/** @throws SearchError */
export function parseSearch(text: string, isField: IsField): SearchNode {
  if (text.length > SEARCH_LENGTH_MAX) {
    throw new SearchError(`is too long; at most ${SEARCH_LENGTH_MAX} characters`, SEARCH_LENGTH_MAX, 1);
  }
  return new Parser(
    tokensOf(text, (reason, at) => new SearchError(reason, at, 1)),
    text.length,
    isField,
  ).parse();
}

class Parser {
  private position = 0;
  private terms = 0;

  constructor(
    private readonly tokens: readonly Token[],
    private readonly end: number,
    private readonly isField: IsField,
  ) {}

  parse(): SearchNode {
    const node = this.either(0);
    const rest = this.tokens[this.position];
    if (rest !== undefined) throw this.wrong(`"${rest.text}" closes nothing; leave it out`, rest);
    return node;
  }

  private either(depth: number): SearchNode {
    const parts = [this.all(depth)];
    while (this.takeWord('or')) parts.push(this.all(depth));
    return parts.length === 1 ? parts[0]! : { kind: 'or', parts };
  }

  private all(depth: number): SearchNode {
    const parts = [this.term(depth)];
    for (;;) {
      const isJoined = this.takeWord('and');
      const next = this.tokens[this.position];
      if (!isJoined && (next === undefined || next.kind === 'close' || isWord(next, 'or'))) break;
      parts.push(this.term(depth));
    }
    return parts.length === 1 ? parts[0]! : { kind: 'and', parts };
  }

  private term(depth: number): SearchNode {
    const token = this.tokens[this.position];
    if (depth > DEPTH_MAX) throw this.wrong(`nests more than ${DEPTH_MAX} deep; split the search`, token);
    if (token === undefined || token.kind === 'close' || isWord(token, 'or') || isWord(token, 'and')) {
      throw this.wrong('a condition is missing here, such as port 443', token);
    }
    if (this.takeWord('not')) return { kind: 'not', part: this.term(depth + 1) };
    if (token.kind === 'open') {
      this.position++;
      const node = this.either(depth + 1);
      if (this.tokens[this.position]?.kind !== 'close') {
        throw this.wrong('a ) is missing here', this.tokens[this.position]);
      }
      this.position++;
      return node;
    }
    return this.condition();
  }

  private condition(): SearchNode {
    if (++this.terms > TERMS_MAX) {
      throw this.wrong(`has more than ${TERMS_MAX} conditions; split the search`, this.tokens[this.position]);
    }
    const first = this.tokens[this.position++]!;
    if (first.kind === 'comma' || first.kind === 'operator') {
      throw this.wrong(`a field is missing in front of "${first.text}"`, first);
    }
    const place = { at: first.at, length: first.length };
    const next = this.tokens[this.position];
    const startsValue = next?.kind === 'text' || (next?.kind === 'word' && !isKeyword(next));
    // "tcp port 443" are two conditions, "port 443" is one.
    if (next?.kind === 'operator' || (startsValue && first.kind === 'word' && this.isField(first.text))) {
      const operator = next!.kind === 'operator' ? (this.tokens[this.position++]!.text as Operator) : '=';
      const { values, at, length } = this.values(first.text);
      return { kind: 'term', field: first.text, operator, values, ...place, valuesAt: at, valuesLength: length };
    }
    const alone = { valuesAt: place.at, valuesLength: place.length };
    return { kind: 'term', field: '', operator: '=', values: [first.text], ...place, ...alone };
  }

  private values(field: string): { values: string[]; at: number; length: number } {
    const values: string[] = [];
    const at = this.tokens[this.position]?.at ?? this.end;
    let last = at;
    do {
      const token = this.tokens[this.position];
      if (token === undefined || (token.kind !== 'word' && token.kind !== 'text')) {
        throw this.wrong(`${field}: a value is missing here`, token);
      }
      values.push(token.text);
      last = token.at + token.length;
      this.position++;
    } while (this.takeComma());
    return { values, at, length: last - at };
  }

  private takeComma(): boolean {
    if (this.tokens[this.position]?.kind !== 'comma') return false;
    this.position++;
    return true;
  }

  private takeWord(word: string): boolean {
    const token = this.tokens[this.position];
    if (token === undefined || !isWord(token, word)) return false;
    this.position++;
    return true;
  }

  private wrong(reason: string, token: Token | undefined): SearchError {
    return new SearchError(reason, token?.at ?? this.end, token?.length ?? 1);
  }
}

function isWord(token: Token, word: string): boolean {
  return token.kind === 'word' && token.text.toLowerCase() === word;
}

function isKeyword(token: Token): boolean {
  return isWord(token, 'and') || isWord(token, 'or') || isWord(token, 'not');
}

/** @throws SearchError for what the table does not have or take. */
export function compileSearch<Condition>(node: SearchNode, table: SearchTable<Condition>): Condition {
  if (node.kind === 'not') return table.not(compileSearch(node.part, table));
  if (node.kind !== 'term') {
    const parts = node.parts.map((part) => compileSearch(part, table));
    return node.kind === 'and' ? table.allOf(parts) : table.anyOf(parts);
  }
  const field = fieldOf(node, table);
  try {
    const isNegated = node.operator.startsWith('!');
    const condition = table.parse(field, valuesOf(node, field, table));
    return isNegated ? table.not(condition) : condition;
  } catch (error) {
    if (!(error instanceof Refusal) || error instanceof SearchError) throw error;
    throw new SearchError(`${field}: ${error.message}`, node.valuesAt, node.valuesLength);
  }
}

type Term = Extract<SearchNode, { kind: 'term' }>;

function fieldOf<Condition>(term: Term, { what, names, fieldOf: meant, exampleOf }: SearchTable<Condition>): string {
  if (term.field === '') {
    const value = term.values[0]!;
    const alone = meant(value);
    if (alone !== null) return alone;
    const field = fieldNamed(value, names);
    throw new SearchError(
      field === undefined
        ? `"${value}" is no field, address or protocol${suggestion(value, names)}`
        : `${value}: a value is missing here, such as ${value} ${exampleOf(field)}`,
      term.at,
      term.length,
    );
  }
  const field = fieldNamed(term.field, names);
  if (field !== undefined) return field;
  const nearest = suggestion(term.field, names);
  const all = [...new Set(Object.values(names))].join(', ');
  throw new SearchError(
    `${what} have no field "${term.field}"${nearest === '' ? `; known are ${all}` : nearest}`,
    term.at,
    term.length,
  );
}

function suggestion(word: string, names: Readonly<Record<string, string>>): string {
  const nearest = nearestName(word, Object.keys(names));
  return nearest === null ? '' : `; did you mean ${nearest}?`;
}

/** "port >= 1024" asks for a range of numbers, as a field has it. */
function valuesOf<Condition>(term: Term, field: string, table: SearchTable<Condition>): readonly string[] {
  const { operator, values } = term;
  if (!/^[<>]/.test(operator)) return values;
  const maximum = table.maximumOf(field);
  if (maximum === null) {
    throw new SearchError(`${field} is no number, which ${operator} asks for`, term.at, term.length);
  }
  const [text = ''] = values;
  if (values.length !== 1 || !/^\d{1,9}$/.test(text)) {
    throw new SearchError(`${operator} takes one whole number`, term.valuesAt, term.valuesLength);
  }
  const number = Number(text);
  const low = operator === '>' ? number + 1 : operator === '>=' ? number : 0;
  const high = operator === '<' ? number - 1 : operator === '<=' ? number : maximum;
  if (low > high) throw new SearchError(`no ${field} is ${operator} ${text}`, term.valuesAt, term.valuesLength);
  return [`${low}-${Math.min(high, maximum)}`];
}
