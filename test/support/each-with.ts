import { afterAll } from '@jest/globals'

/**
 * Bodies of tests that each get something of their own, which is closed when they end: hooks are not run for tests side
 * by side (`test.concurrent`). To be called in the block of the tests; at the block's end it closes what those have left
 * that ran out of time.
 */
export function eachWith<Own extends { close(): Promise<unknown> }, Options = void>(
  open: (options: Options) => Promise<Own>,
): (body: (own: Own) => Promise<void>, options: Options) => () => Promise<void> {
  const left = new Set<Own>()
  const close = async (own: Own): Promise<void> => {
    if (left.delete(own)) await own.close()
  }
  afterAll(async () => void (await Promise.all([...left].map(close))))

  return (body, options) => async () => {
    const own = await open(options)
    left.add(own)
    try {
      await body(own)
    } finally {
      await close(own)
    }
  }
}
