import { expect } from '@jest/globals'
import { wireRequest } from '../../cli/manifests/exchange.ts'
import type { Exchange, Placeholders } from '../../cli/manifests/exchange.ts'

/** Sends the request of an exchange and expects the answer that is written beside it. */
export async function expectExchange(exchange: Exchange, placeholders: Placeholders): Promise<void> {
  const { method, url, headers, body } = wireRequest(exchange, placeholders, Date.now())
  const response = await fetch(url, {
    method,
    headers,
    ...(body === '' ? {} : { body }),
    redirect: 'manual',
  })
  const text = await response.text()
  const { answer } = exchange
  if (!answer) throw new Error(`no answer is written for "${exchange.title}"`)
  expect({ title: exchange.title, status: response.status, text }).toMatchObject({
    title: exchange.title,
    status: answer.status,
  })
  for (const [name, value] of answer.headers)
    expect([name, withoutCharset(response.headers.get(name))]).toEqual([name, withoutCharset(value)])
  if (answer.body !== '') expect(meaning(text)).toEqual(meaning(answer.body))
}

/** JSON counts by its value, other text by its letters. */
function meaning(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return text
  }
}

function withoutCharset(value: string | null): string | null {
  return value?.replace(/; charset=utf-8$/i, '') ?? null
}
