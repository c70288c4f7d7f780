import type { Reason } from '../crds/contract.ts'
import type { Path } from '../crds/fault.ts'

/**
 * Why a resource can't be Ready: something that its author, or the author of what it refers to, must change.
 */
export interface Problem {
  reason: Reason
  /** What is wrong and what to do, in a sentence. Holds no secret. */
  message: string
  /** The field of the resource that it speaks of. */
  path: Path
}

/** A value, or why there is none. */
export type Result<Value> = { value: Value; problem?: undefined } | { problem: Problem }
