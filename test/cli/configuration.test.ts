import { expect, test } from '@jest/globals'
import { emitConfiguration } from '../../cli/generate/configuration.ts'
import { baseUrl, optionalBaseUrl } from '../../process/config.ts'

const url = { env: 'HOOKLET_URL', doc: 'Where it is.' }

test('a variable of several processes is one row, which tells where the default is not the same', () => {
  const page = emitConfiguration({
    ingress: { url: optionalBaseUrl(url) },
    runner: { url: baseUrl({ ...url, fallback: 'http://a.example' }) },
    operator: { url: baseUrl({ ...url, fallback: 'http://a.example' }) },
  })
  expect(page.split('\n').filter((line) => line.includes('HOOKLET_URL'))).toEqual([
    '| `HOOKLET_URL` | ingress, runner, operator | none (ingress); `http://a.example` (runner, operator) | Where it is. |',
  ])
})

test('two processes that say different things of one variable make no page', () => {
  const other = { ...url, doc: 'Where it was.' }
  expect(() =>
    emitConfiguration({ ingress: { url: baseUrl(url) }, runner: { url: baseUrl(other) } }),
  ).toThrow('HOOKLET_URL is not the same for ingress and runner')
})
