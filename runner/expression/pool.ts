/** Evaluates programs: simple ones at once, natively; all others, and all errors, by jq in worker threads. */
import { setImmediate } from 'node:timers/promises'
import type { Json } from '../../state/event.ts'
import type { Program, Variables } from './expression.ts'
import { createJq } from './jq.ts'
import type { JqOptions, MeasuredExpressions } from './jq.ts'
import { compileNative } from './native/native.ts'
import type { Native } from './native/native.ts'

/**
 * What native evaluation may take of one turn of the event loop, in units of its work; about a millisecond.
 */
const WORK_PER_TURN = 10_000
/** What comes with every evaluation: the call of it, and the step of the run that follows. */
const WORK_AROUND = 100

/** Starts no worker before the first evaluation that needs one. */
export function createExpressionPool(options: JqOptions = {}): MeasuredExpressions {
  const { maxOutput = 1024 * 1024 } = options
  const jq = createJq({ ...options, maxOutput })
  const compiled = new WeakMap<Program, Native | 'jq'>()
  const turn = new Turn()

  const nativeOf = (program: Program): Native | 'jq' => {
    let native = compiled.get(program)
    if (!native) {
      native = compileNative(program, maxOutput) ?? 'jq'
      compiled.set(program, native)
    }
    return native
  }
  const tryNative = async (
    program: Program,
    input: Json,
    variables: Variables,
  ): Promise<Json | undefined> => {
    const native = nativeOf(program)
    if (native === 'jq') return undefined
    if (turn.isOver) await turn.next()
    const { value, work } = native(input, variables)
    turn.spend(work + WORK_AROUND)
    return value
  }
  return {
    async evaluate(program, input, variables) {
      const value = await tryNative(program, input, variables)
      return value === undefined ? await jq.evaluate(program, input, variables) : value
    },
    check: (programs) => jq.check(programs),
    close: () => jq.close(),
    ends: jq.ends,
    get waiting() {
      return jq.waiting
    },
  }
}

/**
 * Lets others have the event loop: a long run whose expressions are all native would otherwise never leave
 * it.
 */
class Turn {
  #spent = 0
  #next: Promise<void> | undefined

  get isOver(): boolean {
    return this.#spent >= WORK_PER_TURN
  }

  spend(work: number): void {
    this.#spent += work
  }

  async next(): Promise<void> {
    while (this.isOver) await (this.#next ??= this.#begin())
  }

  async #begin(): Promise<void> {
    await setImmediate()
    this.#spent = 0
    this.#next = undefined
  }
}
