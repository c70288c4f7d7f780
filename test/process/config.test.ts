import { expect, test } from '@jest/globals'
import { ConfigError, integer, oneOf, readConfig, text } from '../../process/config.ts'

const SETTINGS = {
  url: text({ env: 'URL', doc: 'Where it is.', secret: true }),
  port: integer({ env: 'PORT', doc: 'Port.', fallback: 80, min: 1, max: 100 }),
  level: oneOf({ env: 'LEVEL', doc: 'Level.', fallback: 'info', choices: ['debug', 'info'] }),
} as const

test('values are parsed, defaults filled in, and the result is frozen', () => {
  const config = readConfig(SETTINGS, { URL: 'u', PORT: '7', LEVEL: '' })
  expect(config).toEqual({ url: 'u', port: 7, level: 'info' })
  expect(Object.isFrozen(config)).toBe(true)
})

test('every fault is told at once, without the values of secrets', () => {
  const read = (): unknown => readConfig(SETTINGS, { PORT: '7.5', LEVEL: 'loud' })
  expect(read).toThrow(ConfigError)
  expect(read).toThrow(
    'URL is not set: Where it is.\nPORT must be a whole number from 1 to 100 (is "7.5")\nLEVEL must be one of debug, info (is "loud")',
  )
})

test.each(['0', '101', '-1', '1e1', ' 5', '0x5', '٣'])('%j is no port from 1 to 100', (value) => {
  expect(() => readConfig(SETTINGS, { URL: 'u', PORT: value })).toThrow(/PORT must be/)
})
