/**
 * The page about WebSockets is applied and talked to, as a reader would, and its table of ends is that of the
 * code.
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, expect, test } from '@jest/globals'
import { ends } from '../../ingress/websocket/ends.ts'
import { startFolder } from '../support/dev.ts'
import { openSocket } from '../support/socket-client.ts'

const cleanup: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const undo of cleanup.splice(0).toReversed()) await undo()
})

const page = readFile(path.join(import.meta.dirname, '../../docs/websocket.md'), 'utf8')

test('what it shows is what happens', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'hooklet-page-'))
  cleanup.push(() => rm(folder, { recursive: true }))
  await writeFile(path.join(folder, 'page.yaml'), fences(await page, 'yaml').join('---\n'))
  const server = await startFolder(folder)
  cleanup.push(() => server.stop())
  expect(server.faults).toEqual([])
  const dialogues = fences(await page, 'websocket')
  expect(dialogues.length).toBeGreaterThan(1)
  for (const dialogue of dialogues) await hold(dialogue, server.placeholder)
})

test('its table of ends is the table of the code', async () => {
  const rows = [...(await page).matchAll(/^\| (1\d{3}) +\| `([^`]+)` +\|/gm)]
  const written = rows.map(([, code, reason]) => `${code} ${reason}`)
  const coded = Object.values(ends).map(({ code, reason }) => `${code} ${reason}`)
  expect(written.toSorted()).toEqual(coded.toSorted())
})

/**
 * `CONNECT URL`, headers, then what the client says (`>`) and hears (`<`), binary as `hex …`, and how it ends
 * (`CLOSED`).
 */
async function hold(dialogue: string, placeholder: (name: string) => string | undefined): Promise<void> {
  const [first = '', ...lines] = dialogue.trim().split('\n')
  const url = first
    .replace('CONNECT ', '')
    .replace(/\{\{(\w+)\}\}/, (_, name: string) => placeholder(name) ?? '')
  const headers = lines.flatMap((line) => [...line.matchAll(/^([\w-]+): (.*)$/g)])
  const client = await openSocket(url, {
    headers: Object.fromEntries(headers.map(([, name = '', value = '']) => [name, value])),
  })
  for (const line of lines) {
    const [said, hex] = [line.slice(2), /^[<>] hex (\w+)$/.exec(line)?.[1]]
    if (line.startsWith('> ')) client.send(hex === undefined ? said : Buffer.from(hex, 'hex'))
    if (line.startsWith('< ')) {
      const heard = await client.next()
      if (hex === undefined) expect(meaning(String(heard))).toEqual(meaning(said))
      else expect(heard).toEqual(Buffer.from(hex, 'hex'))
    }
    if (line.startsWith('CLOSED ')) {
      const { code, reason } = await client.closed
      expect(`CLOSED ${code} ${reason}`).toBe(line)
    }
  }
  client.ws.close()
  await client.closed
}

function meaning(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return text
  }
}

function fences(markdown: string, language: string): string[] {
  return [...markdown.matchAll(new RegExp(`^\`\`\`${language}\\n([^]*?)^\`\`\``, 'gm'))].map(
    (match) => match[1] ?? '',
  )
}
