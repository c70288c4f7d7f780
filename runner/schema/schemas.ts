import type { Json } from '../../state/event.ts'
import { WorkerPool } from '../expression/workers.ts'

/** Checks values against the JSON Schemas of workflows, bounded in time and memory. */
export interface Schemas {
  /**
   * What is wrong with the value, in one sentence; `undefined` when it fits. Rejects when the schema can't be
   * used or takes too long.
   */
  validate(schema: Json, value: Json): Promise<string | undefined>
  close(): Promise<void>
}

/** A schema's patterns are its author's, and may take for ever: they run in a worker thread of their own. */
export function createSchemaPool(options: { workers?: number; timeLimitMs?: number } = {}): Schemas {
  const pool = new WorkerPool(new URL('./worker.ts', import.meta.url), {
    workers: options.workers ?? 1,
    timeLimitMs: options.timeLimitMs ?? 1000,
    maxQueue: 10_000,
  })
  return {
    async validate(schema, value) {
      const outcome = await pool.run({ program: JSON.stringify(schema), input: JSON.stringify(value) })
      if (outcome.kind === 'output') return outcome.text === '' ? undefined : outcome.text
      throw new SchemaError(outcome.kind === 'failed' ? outcome.text : 'the schema needs too much memory')
    },
    close: () => pool.close(),
  }
}

/** The schema itself can't be used. */
export class SchemaError extends Error {
  override name = 'SchemaError'
}
