/** What the pool and its workers tell each other. */

export interface Job {
  /** A whole jq program, to be run on `input`, JSON text. */
  program: string
  input: string
}

export type Outcome =
  | { kind: 'output'; text: string }
  /** jq ended with an error; `text` is what it said. */
  | { kind: 'failed'; text: string }
  /** jq aborted: out of memory or stack. The worker is to be replaced. */
  | { kind: 'aborted' }

export type Message = { kind: 'ready' } | Outcome
