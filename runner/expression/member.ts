/** The member that is taken of a value, as it is written in jq. */
import { readLexeme, readStringPart } from './lexemes.ts'

/**
 * The member that is taken of what ends at `at`: `.name`, `."name"`, `["name"]` or `.["name"]`; undefined
 * when it is none, or one that is computed. `end` is where it ends.
 */
export function memberAt(source: string, at: number): { name: string; end: number } | undefined {
  let next = significant(source, at)
  if (next?.kind === 'field') return { name: next.token.slice(1), end: next.end }
  const dotted = next?.token === '.'
  if (dotted && next) next = significant(source, next.end)
  if (dotted && next?.token === '"') return stringAt(source, next.end)
  if (next?.token !== '[') return undefined
  next = significant(source, next.end)
  const name = next?.token === '"' ? stringAt(source, next.end) : undefined
  const close = name && significant(source, name.end)
  return name && close?.token === ']' ? { name: name.name, end: close.end } : undefined
}

/** A string without interpolation, from behind its opening quote. */
function stringAt(source: string, at: number): { name: string; end: number } | undefined {
  const { part, end } = readStringPart(source, at)
  if (end !== '"') return undefined
  try {
    return { name: JSON.parse(`"${part}"`) as string, end: at + part.length + 1 }
  } catch {
    return undefined
  }
}

/** The next lexeme that is neither space nor comment. */
function significant(source: string, at: number): { kind: string; token: string; end: number } | undefined {
  for (let start = at; ;) {
    const lexeme = readLexeme(source, start)
    if (!lexeme) return undefined
    const [kind, token] = lexeme
    start += token.length
    if (kind !== 'space' && kind !== 'comment') return { kind, token, end: start }
  }
}
