import { describe, expect, test } from '@jest/globals'
import { closest, formatPath, formatPointer } from '../../crds/fault.ts'

describe('closest', () => {
  test.each<[string, string[], string | undefined]>([
    ['tehn', ['then', 'when'], 'then'],
    ['swich', ['switch', 'set'], 'switch'],
    ['WebSocket', ['HTTP', 'Websocket'], 'Websocket'],
    ['cll', ['call'], 'call'],
    ['x', ['y'], undefined],
    ['do', ['set', 'for'], undefined],
    ['colour', ['type', 'path'], undefined],
    ['a'.repeat(10_000), ['a'], undefined],
  ])('%j among %j', (word, names, expected) => {
    expect(closest(word, names)).toBe(expected)
  })
})

test('paths are written as kubectl does', () => {
  expect(formatPath(['spec', 'do', 0, 'greet', 'call'])).toBe('spec.do[0].greet.call')
  expect(formatPath(['data', 'a/b.c'])).toBe('data["a/b.c"]')
})

test('pointers escape ~ and /', () => {
  expect(formatPointer(['do', 0, 'a/b~c'])).toBe('/do/0/a~1b~0c')
})
