import { afterAll, expect, test } from '@jest/globals'
import { createExpressionPool } from '../../../runner/expression/pool.ts'
import { compileText, goldenFiles, showWorkflows } from '../golden.ts'

const expressions = createExpressionPool()
afterAll(() => expressions.close())

test.each(goldenFiles(new URL('./golden/', import.meta.url)))('$name', async ({ input, expected }) => {
  const actual = showWorkflows(await compileText(input, expressions))
  expect(actual).toBe(expected(actual))
})
