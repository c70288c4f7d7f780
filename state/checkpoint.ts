import type { Checkpoint } from './state.ts'
import { CheckpointTooLarge } from './state.ts'

/**
 * How many characters of JSON are kept of a run at most. A value that a run holds has a million, but every task
 * around the one at work keeps what it got: without a bound a few runs could fill the memory of all.
 */
export const maxCheckpoint = 8 * 1_048_576

/** @throws {CheckpointTooLarge} */
export function writeCheckpoint(checkpoint: Checkpoint): string {
  const json = JSON.stringify(checkpoint)
  if (json.length > maxCheckpoint) throw new CheckpointTooLarge('a checkpoint is too large')
  return json
}
