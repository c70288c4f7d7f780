import { expect, test } from '@jest/globals'
import { readTrace, traceparent } from '../../state/trace-context.ts'

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736'
const given = `00-${traceId}-00f067aa0ba902b7-01`

test('a traceparent of the standard is read', () => {
  expect(readTrace({ traceparent: given, tracestate: 'a=1,b=2' })).toEqual({
    traceId,
    flags: '01',
    state: 'a=1,b=2',
  })
})

test('a later version may have more', () => {
  expect(readTrace({ traceparent: `cc-${traceId}-00f067aa0ba902b7-00-more` })).toEqual({
    traceId,
    flags: '00',
  })
})

test.each([
  '',
  'x',
  given.toUpperCase(),
  `${given}-more`,
  `${given} `,
  `${given}, ${given}`,
  `ff-${traceId}-00f067aa0ba902b7-01`,
  `00-${'0'.repeat(32)}-00f067aa0ba902b7-01`,
  `00-${traceId}-${'0'.repeat(16)}-01`,
  `cc-${traceId}-00f067aa0ba902b7-00x`,
])('%j names no trace', (text) => {
  expect(readTrace({ traceparent: text })).toBeUndefined()
})

test('a long tracestate is dropped', () => {
  expect(readTrace({ traceparent: given, tracestate: 'a'.repeat(513) })).toEqual({ traceId, flags: '01' })
})

test('what is written is read', () => {
  expect(readTrace({ traceparent: traceparent({ traceId, flags: '01' }, 'aaaaaaaaaaaaaaaa') })).toEqual({
    traceId,
    flags: '01',
  })
})
