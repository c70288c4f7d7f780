/** The chat of the examples, as people use it: two windows of a real browser. */
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import { afterEach, expect, jest, test } from '@jest/globals'
import type { Page } from 'playwright-core'
import { startBrowser } from '../../support/browser.ts'
import { startFolder } from '../../support/dev.ts'

jest.setTimeout(90_000)

const folder = path.join(import.meta.dirname, '../../../examples/chat')
const cleanup: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const undo of cleanup.splice(0).toReversed()) await undo()
})

/** Serves the page as any web server would. */
async function servePage(): Promise<string> {
  const page = await readFile(path.join(folder, 'chat.html'))
  const server = createServer((_, response) => response.setHeader('content-type', 'text/html').end(page))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  cleanup.push(async () => {
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
}

async function open(page: Page, url: string, webhook: string): Promise<string> {
  await page.goto(`${url}?url=${encodeURIComponent(webhook)}`)
  await page.getByRole('button', { name: 'Connect' }).click()
  await page.waitForFunction(`document.getElementById('address').textContent !== ''`)
  return (await page.locator('#address').textContent()) ?? ''
}

const say = async (page: Page, text: string): Promise<void> => {
  await page.getByLabel('Text').fill(text)
  await page.getByRole('button', { name: 'Send' }).click()
}

test('two windows write to each other, and learn who is gone', async () => {
  const hooklet = await startFolder(folder)
  let stopped = false
  const stop = async (): Promise<void> => {
    if (!stopped) await hooklet.stop()
    stopped = true
  }
  cleanup.push(stop)
  const page = await servePage()
  const browser = await startBrowser()
  cleanup.push(() => browser.close())
  const faults: string[] = []
  const [ada, bob] = [await browser.newPage(), await browser.newPage()]
  for (const window of [ada, bob]) window.on('pageerror', (error) => faults.push(error.message))

  const webhook = hooklet.placeholder('chat') ?? ''
  const addresses = [await open(ada, page, webhook), await open(bob, page, webhook)]
  expect(new Set(addresses).size).toBe(2)

  await bob.getByLabel('To').fill(addresses[0] ?? '')
  await say(bob, 'Hello Ada, <b>it is me</b>')
  await ada.getByText('Hello Ada, <b>it is me</b>').waitFor()
  await bob.locator('li.own.sent').waitFor()
  // Bob's address was filled in by his message.
  await say(ada, 'Hello Bob 👋')
  await bob.getByText('Hello Bob 👋').waitFor()

  await bob.close()
  // His end is on its way.
  for (let each = 0; (await ada.locator('li.own.gone').count()) === 0; each += 1) {
    await say(ada, `Are you there? ${each}`)
    await ada
      .locator('li.own')
      .nth(each + 1)
      .waitFor()
  }

  await stop()
  await ada.getByText('Disconnected: 1012 Server is restarting').waitFor()
  expect(faults).toEqual([])
})
