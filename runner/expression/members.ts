/**
 * Which members of a variable a program reads by name, so that whoever compiles it knows what it depends on.
 */
import type { Program } from './expression.ts'
import { readLexeme } from './lexemes.ts'
import { memberAt } from './member.ts'
import { readMembers } from './tokens.ts'

/**
 * What programs read of a variable; `all` when one takes it as a whole, or by a name that is not written
 * there.
 */
export function membersRead(programs: Program[], variable: string): Set<string> | 'all' {
  const names = new Set<string>()
  for (const program of programs) {
    if (!program.variables.includes(variable)) continue
    const read = readMembers(program.jq).members.get(variable)
    if (read === 'all') return 'all'
    for (const name of read ?? []) names.add(name)
  }
  return names
}

/** Whether a program says what to do when a member is missing (`//`, `?`), or asks about it (`has`). */
export const toleratesMissing = ({ jq }: Program): boolean => readMembers(jq).toleratesMissing

/**
 * The member that a program gives as it is (`$globals.NAME`): nearly all do nothing else, and need no jq for
 * it.
 */
export function soleMember({ jq }: Program, variable: string): string | undefined {
  const start = readLexeme(jq, 0)
  if (start?.[0] !== 'variable' || start[1] !== `$${variable}`) return undefined
  const member = memberAt(jq, start[1].length)
  return member?.end === jq.length ? member.name : undefined
}
