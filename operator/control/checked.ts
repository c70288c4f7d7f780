import type { Expressions } from '../../runner/expression/expression.ts'

/** What jq says of a program never changes: each is compiled once, however many Workflows have it. */
const MAX_REMEMBERED = 20_000

/** The same expressions, with the results of checks remembered. */
export function rememberChecks(expressions: Expressions): Expressions {
  const known = new Map<string, Promise<string | undefined>>()

  const check = (program: Parameters<Expressions['check']>[0][number]): Promise<string | undefined> => {
    const key = JSON.stringify([program.jq, program.variables])
    const remembered = known.get(key)
    if (remembered) return remembered
    const checking = expressions.check([program]).then(([message]) => message)
    // A failure to check says nothing about the program.
    checking.catch(() => known.delete(key))
    // The oldest goes; when it is met again it is checked again.
    if (known.size >= MAX_REMEMBERED) known.delete(known.keys().next().value ?? '')
    known.set(key, checking)
    return checking
  }

  return {
    evaluate: (program, input, variables) => expressions.evaluate(program, input, variables),
    check: (programs) => Promise.all(programs.map(check)),
    close: () => expressions.close(),
  }
}
