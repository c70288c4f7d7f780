/** Every example and every page of the documentation is applied and called, as a reader would. */
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, describe, expect, test } from '@jest/globals'
import { readExchanges } from '../../cli/manifests/exchange.ts'
import type { Exchange } from '../../cli/manifests/exchange.ts'
import { expectExchange } from '../support/exchange.ts'
import { startFolder } from '../support/dev.ts'
import { openSocket } from '../support/socket-client.ts'
import type { SocketClient } from '../support/socket-client.ts'

const root = path.join(import.meta.dirname, '../..')
const cleanup: (() => Promise<void>)[] = []

afterEach(async () => {
  for (const undo of cleanup.splice(0).toReversed()) await undo()
})

async function callAll(folder: string, exchanges: Exchange[]): Promise<void> {
  expect(exchanges.length).toBeGreaterThan(0)
  const server = await startFolder(folder)
  cleanup.push(() => server.stop())
  expect(server.faults).toEqual([])
  for (const exchange of exchanges) await expectExchange(exchange, server.placeholder)
}

describe('examples', () => {
  test.each(['hello', 'order', 'contact', 'partner', 'flow', 'throttled', 'fan-out'])('%s', async (name) => {
    const folder = path.join(root, 'examples', name)
    await callAll(folder, readExchanges(await readFile(path.join(folder, `${name}.http`), 'utf8')))
  })

  /** All of a folder, each with requests of its own. */
  test('providers', async () => {
    const folder = path.join(root, 'examples', 'providers')
    const files = (await readdir(folder)).filter((name) => name.endsWith('.http'))
    const texts = await Promise.all(files.map((name) => readFile(path.join(folder, name), 'utf8')))
    await callAll(folder, texts.flatMap(readExchanges))
  })

  test('chat', async () => {
    const server = await startFolder(path.join(root, 'examples', 'chat'))
    cleanup.push(() => server.stop())
    expect(server.faults).toEqual([])
    const url = server.placeholder('chat') ?? ''
    expect(url).toMatch(/^ws:/)
    const [ada, bob] = [await openSocket(url), await openSocket(url)]
    const heard = async ({ next }: SocketClient): Promise<unknown> => JSON.parse(String(await next()))
    const welcome = (await heard(ada)) as { address: string }
    expect(await heard(bob)).toMatchObject({ type: 'welcome' })
    bob.send(JSON.stringify({ to: welcome.address, text: 'hi' }))
    expect(await heard(ada)).toMatchObject({ type: 'message', text: 'hi' })
    expect(await heard(bob)).toEqual({ type: 'receipt', outcome: 'sent', text: 'hi' })
    bob.send(JSON.stringify({ text: 'to nobody' }))
    expect(await heard(bob)).toEqual({ type: 'receipt', outcome: 'gone', text: 'to nobody' })
    ada.send('plain')
    expect(await heard(ada)).toEqual({ type: 'echo', text: 'plain' })
  })

  test('none is left out above', async () => {
    const folders = (await readdir(path.join(root, 'examples'), { withFileTypes: true })).filter((entry) =>
      entry.isDirectory(),
    )
    const source = await readFile(import.meta.filename, 'utf8')
    for (const { name } of folders) expect(source).toContain(`'${name}'`)
  })
})

describe('pages', () => {
  test.each(['README.md', 'docs/webhook.md', 'docs/verification.md', 'docs/workflow.md'])(
    '%s',
    async (page) => {
      const text = await readFile(path.join(root, page), 'utf8')
      const folder = await mkdtemp(path.join(tmpdir(), 'hooklet-page-'))
      cleanup.push(() => rm(folder, { recursive: true }))
      await writeFile(path.join(folder, 'page.yaml'), fences(text, 'yaml').join('---\n'))
      await callAll(folder, fences(text, 'http').flatMap(readExchanges))
    },
  )
})

/** The fenced code blocks of one language. */
function fences(markdown: string, language: string): string[] {
  return [...markdown.matchAll(new RegExp(`^\`\`\`${language}\\n([^]*?)^\`\`\``, 'gm'))].map(
    (match) => match[1] ?? '',
  )
}
