import type { Json } from '../../state/event.ts'
import { WorkerPool } from '../threads/worker-pool.ts'

/** Checks values against the JSON Schemas of workflows, bounded in time and memory. */
export interface Schemas {
  /**
   * What is wrong with the value, in one sentence, be it that it takes too long to check; `undefined` when it
   * fits. Rejects with {@link SchemaError} when the schema can't be used.
   */
  validate(schema: Json, value: Json): Promise<string | undefined>
  close(): Promise<void>
}

/** A schema's patterns are its author's, and may take for ever: they run in a worker thread of their own. */
export function createSchemaPool(options: { workers?: number; timeLimitMs?: number } = {}): Schemas {
  const { workers = 1, timeLimitMs = 1000 } = options
  const pool = new WorkerPool(new URL('./worker.ts', import.meta.url), {
    workers,
    timeLimitMs,
    maxQueue: 10_000,
  })
  return {
    async validate(schema, value) {
      const result = await pool.run({ program: JSON.stringify(schema), input: JSON.stringify(value) })
      switch (result.kind) {
        case 'output':
          return result.text === '' ? undefined : result.text
        case 'failed':
          throw new SchemaError(result.text)
        case 'aborted':
          throw new SchemaError('it needs too much memory')
        case 'timeout':
          return `it takes longer than ${timeLimitMs} ms to check`
        case 'refused':
          return 'too many values wait to be checked'
        case 'stopped':
          return 'the checks have been stopped'
      }
    },
    close: () => pool.close(),
  }
}

/** The schema itself can't be used. */
export class SchemaError extends Error {
  override name = 'SchemaError'
}
