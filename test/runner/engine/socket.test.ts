/** `call: reply` to a WebSocket. */
import { afterAll, describe, expect, test } from '@jest/globals'
import { createWorkbench, workflow } from './harness.ts'

const bench = createWorkbench()
afterAll(() => bench.close())

const own = { id: '3.ws-own' }
const reply = (...messages: object[]): string =>
  workflow(
    messages.map((args, nth) => `- say${nth}: ${JSON.stringify({ call: 'reply', with: args })}`).join('\n'),
  )

describe('a message', () => {
  test('L15 each reply is one message to the connection of the event', async () => {
    const { outcome, sent, replies } = await bench.run(
      reply({ body: 'one' }, { body: { two: '${ .body.n }' } }, { body: [3] }),
      { socket: own, body: { n: 2 } },
    )
    expect(outcome.kind).toBe('completed')
    expect(replies).toEqual([])
    expect(sent).toEqual(
      ['one', '{"two":2}', '[3]'].map((text) => ({ to: own.id, message: { data: { text } } })),
    )
  })

  test('goes to the connection that is named, also from the run of a call that waits', async () => {
    const { sent, replies } = await bench.run(
      reply({ replyId: '7.ws-other', body: 'hi' }, { status: 202, body: 'passed on' }),
      { reply: { id: '3.call', mode: 'Reply' } },
    )
    expect(sent).toEqual([{ to: '7.ws-other', message: { data: { text: 'hi' } } }])
    expect(replies).toMatchObject([{ status: 202, body: 'passed on' }])
  })

  test('tells the sender `sent` or `gone`', async () => {
    const tasks = ['3.ws-there', '3.ws-gone'].map(
      (replyId, nth) =>
        `- say${nth}: ${JSON.stringify({
          call: 'reply',
          with: { replyId, body: 'x' },
          output: { as: '${ [.[]?, $task.reply] }' },
        })}`,
    )
    const { outcome } = await bench.run(workflow(["- start: {set: '${ [] }'}", ...tasks].join('\n')))
    expect(outcome).toEqual({ kind: 'completed', output: ['sent', 'gone'] })
  })

  test.each([
    ['utf8', 'hé', 'aMOp'],
    ['base64', 'AP8=', 'AP8='],
    ['hex', '00fF', 'AP8='],
    ['hex', '', ''],
  ])('in %s is binary', async (encoding, body, base64) => {
    const { sent } = await bench.run(reply({ encoding, body }), { socket: own })
    expect(sent).toEqual([{ to: own.id, message: { data: { base64 } } }])
  })

  test('status and headers are for HTTP, and let be', async () => {
    const { sent } = await bench.run(reply({ status: 201, headers: { a: 'b' }, body: 'x' }), { socket: own })
    expect(sent).toEqual([{ to: own.id, message: { data: { text: 'x' } } }])
  })
})

describe('the end of a connection', () => {
  test.each([
    [{ close: true }, { close: { code: 1000, reason: '' } }],
    [{ close: {} }, { close: { code: 1000, reason: '' } }],
    [
      { body: 'bye', close: { code: 4001, reason: 'enough' } },
      { data: { text: 'bye' }, close: { code: 4001, reason: 'enough' } },
    ],
    [{ close: { code: 1013 } }, { close: { code: 1013, reason: '' } }],
    [{ body: 'on', close: false }, { data: { text: 'on' } }],
  ])('%j', async (args, message) => {
    expect((await bench.run(reply(args), { socket: own })).sent).toEqual([{ to: own.id, message }])
  })
})

const FAULTS: [string, object, string][] = [
  ['nothing to send', {}, 'a message to a WebSocket needs a body, or close'],
  ['no hex', { body: 'abc', encoding: '${ "hex" }' }, 'the body is not a text in the encoding'],
  ['no base64', { body: 'a b', encoding: 'base64' }, 'the body is not a text in the encoding'],
  ['an object in base64', { body: {}, encoding: 'base64' }, 'the body is not a text in the encoding'],
  ['an unknown encoding', { body: 'a', encoding: '${ "utf16" }' }, 'utf8, base64 or hex'],
  ['a message over 256 KB', { body: '${ "é" * 131073 }' }, 'at most 256 KB'],
  ['a code that may not be sent', { close: { code: 1006 } }, 'the code of close'],
  ['a code beyond all', { close: { code: 5000 } }, 'the code of close'],
  ['a reason that is too long', { close: { reason: 'é'.repeat(62) } }, 'at most 123 bytes'],
  ['a close of another kind', { close: '${ 7 }' }, 'close is neither'],
]
test.each(FAULTS)('%s is a fault of the workflow', async (_, args, detail) => {
  const { outcome, sent } = await bench.run(reply(args), { socket: own })
  expect(outcome).toMatchObject({ kind: 'failed', error: { detail: expect.stringContaining(detail) } })
  expect(sent).toEqual([])
})

test('R08 encoding and close do not go to a caller who waits for an HTTP answer', async () => {
  for (const args of [{ body: 'x', encoding: 'hex' }, { close: true }]) {
    const { outcome } = await bench.run(reply(args), { reply: { id: '3.call', mode: 'Reply' } })
    expect(outcome).toMatchObject({
      kind: 'failed',
      error: { detail: 'encoding and close are for WebSockets; this caller waits for an HTTP answer' },
    })
  }
})
