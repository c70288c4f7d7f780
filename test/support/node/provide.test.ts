/** Tests on a real node are left out only when nobody asked for them. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, test } from '@jest/globals'
import { startNode } from './node.ts'
import { nodeFault, provideNode } from './provide.ts'

test.each([undefined, 'none'])('HOOKLET_E2E=%s leaves them out, and says so', async (wanted) => {
  const said: string[] = []
  expect(await provideNode({}, wanted, (line) => said.push(line))).toBe(false)
  expect(said.join()).toMatch(/SKIPPED: the tests on a real node\. .*HOOKLET_E2E=/)
})

test('where a node is wanted and can not be had, they fail, and tell why and what to do', async () => {
  const empty = await mkdtemp(path.join(tmpdir(), 'hooklet-cache-'))
  try {
    const env = { XDG_CACHE_HOME: empty }
    expect(nodeFault(env)).toBeDefined()
    await expect(startNode(env)).rejects.toThrow(/No node can be started here\. .*HOOKLET_E2E=none/)
  } finally {
    await rm(empty, { recursive: true })
  }
})
