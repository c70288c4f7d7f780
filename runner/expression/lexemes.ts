/** The lexemes of jq, as its own lexer tells them apart. */

export type Kind =
  'space' | 'comment' | 'number' | 'field' | 'format' | 'variable' | 'word' | 'operator' | 'bracket'

/** In the order in which they are tried. */
const LEXEMES: [kind: Kind, pattern: RegExp][] = [
  ['space', /[ \t\r\n]+/y],
  // A backslash at the end of a line carries the comment on.
  ['comment', /#(?:\\(?:\r\n|[\s\S])|[^\\\n])*/y],
  ['number', /(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?/y],
  ['field', /\.[A-Za-z_]\w*/y],
  ['format', /@\w+/y],
  ['variable', /\$[A-Za-z_]\w*/y],
  ['word', /[A-Za-z_]\w*/y],
  ['operator', /\?\/\/|\.\.|[!=<>]=|\/\/=|\/\/|[-+*/%|]=|[-.?=;,:|+*/%<>]/y],
  ['bracket', /[()[\]{}"]/y],
]

const STRING_PART = /(?:\\[^(]|[^"\\])*/y

/** The lexeme that begins at `at`; undefined where none can. A string begins with the bracket `"`. */
export function readLexeme(source: string, at: number): [Kind, string] | undefined {
  for (const [kind, pattern] of LEXEMES) {
    pattern.lastIndex = at
    const token = pattern.exec(source)?.[0]
    if (token !== undefined) return [kind, token]
  }
  return undefined
}

/**
 * What stands in a string from `at` on, as it is written, up to its closing `"` or to the `\(` of an
 * interpolation.
 */
export function readStringPart(source: string, at: number): { part: string; end: string } {
  STRING_PART.lastIndex = at
  const part = STRING_PART.exec(source)?.[0] ?? ''
  const after = at + part.length
  return { part, end: source.startsWith('\\(', after) ? '\\(' : source.charAt(after) }
}
