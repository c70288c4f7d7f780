/** What the pool and its workers tell each other. */

export interface Job {
  /** What is to be run: a jq program, or a JSON Schema. */
  program: string
  /** What it is run on: JSON text. */
  input: string
}

export type JobOutcome =
  | { kind: 'output'; text: string }
  /** The program has a fault, or ended with an error; `text` says which. */
  | { kind: 'failed'; text: string }
  /** Out of memory or stack. The worker is to be replaced. */
  | { kind: 'aborted' }

export type Message = { kind: 'ready' } | JobOutcome
