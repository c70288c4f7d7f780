/**
 * The contract suite of verifiers: whatever a provider's protocol, these requests pass and those are refused,
 * over real HTTP. A case brings an independent signer, the provider's own library where there is one.
 */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { Verification } from '../../ingress/route.ts'
import type { VerifierDeps } from '../../ingress/verify/verifier.ts'
import { send } from '../ingress/send.ts'
import type { Answered, Sent } from '../ingress/send.ts'
import { createSites } from '../ingress/site.ts'
import type { Site } from '../ingress/site.ts'
import { routeOf } from '../ingress/support.ts'

/** What a provider would send. */
export interface Message {
  body: Buffer
  /** Milliseconds since 1970, where the protocol carries a time. */
  time: number
  /** The text of the time, instead of `time`, where the protocol carries one. */
  timeText?: string
  /** The URL as the provider calls it. */
  url: string
  /**
   * With which secret it signs: one of those that the verification knows, the one it is rotated to, or one
   * that nobody knows.
   */
  signer: 'current' | 'next' | 'stranger'
}

export type Headers = [name: string, value: string][]

export interface VerifierCase {
  /** Knows the signer `current`. */
  verification: Verification
  /** Knows `current` and `next`. Absent: the protocol has no secret to rotate. */
  rotated?: Verification
  /** The headers, with names in lower case, by the provider's own rules. */
  sign(message: Message): Headers | Promise<Headers>
  /** Each of these headers must be there once, in its form. */
  checked: string[]
  /** Headers that hold a list, so that a value twice in one line may pass. */
  lists?: string[]
  /** A body as the provider sends it, where the sender shows in it; default: some JSON. */
  body?: Buffer | ((signer: Message['signer']) => Buffer)
  /** Bodies that pass as well, where the protocol looks into them. Left out: odd ones of every kind do. */
  alsoPass?: Buffer[]
  /**
   * With `alsoPass`: those of the odd bodies that pass, by their titles. The others are refused, though they
   * are signed.
   */
  oddPass?: (keyof typeof ODD_BODIES)[]
  /** False: nothing covers the body, and the case says so. */
  coversBody?: false
  /** How far a signed time may be off in each direction; absent: the protocol signs none. */
  tolerance?: { pastMs: number; futureMs: number }
  /**
   * Texts in place of the time that are not one, though signed; default: those that are no whole number of
   * seconds.
   */
  notTimes?: string[]
  /** What follows the token in the URL. */
  rest?: string
  /** Of the answer to a refused call, or those that there may be; default 401. */
  refusedWith?: number | number[]
  deps?: VerifierDeps
  /** Texts that must never be logged. */
  secrets: string[]
}

const PUBLIC_URL = 'https://hooks.example.com'
const JSON_BODY = Buffer.from('{"event":"order.paid","note":"für 5 €"}')

const ODD_BODIES = {
  'odd whitespace': Buffer.from('\r\n {"a" :\t1,\n\n"b":[ ]}  \n'),
  'no valid UTF-8': Buffer.from([0x7b, 0xff, 0xfe, 0xc3, 0x28, 0x00, 0x7d]),
  'a byte order mark': Buffer.from('\ufeff{"a":1}'),
  'more than one packet': Buffer.alloc(200_000, 'ä'),
  nothing: Buffer.alloc(0),
} satisfies Record<string, Buffer>

const NOT_SECONDS = [
  '01767225600',
  '1e9',
  '1767225600.5',
  '-1767225600',
  '+1767225600',
  '0x6955b900',
  '17672256001767',
  '176722560¹',
]

/** Runs the contract on a verifier. `describe` of the caller gives the name. */
export function verifierContract(verifierCase: VerifierCase): void {
  const { sign, refusedWith = 401, rest = '', deps } = verifierCase
  const bodyOf = (signer: Message['signer']): Buffer => {
    const { body = JSON_BODY } = verifierCase
    return typeof body === 'function' ? body(signer) : body
  }
  const sample = bodyOf('current')
  const sites = createSites()
  let site: Site
  let stored = 0

  const route = (verification: Verification, name: string) =>
    routeOf(name, { verification, limits: { rate: { requests: 10_000 } } })
  const current = route(verifierCase.verification, 'current')
  const rotated = route(verifierCase.rotated ?? verifierCase.verification, 'rotated')

  beforeAll(async () => {
    site = await sites.start({
      routes: [current, rotated],
      publicUrl: PUBLIC_URL,
      ...(deps ? { verifiers: deps } : {}),
      wrap: (state) => ({
        ...state,
        admit(admission) {
          if (admission.event !== undefined) stored++
          return state.admit(admission)
        },
      }),
    })
  })
  afterAll(() => sites.end())

  const messageOf = (change: Partial<Message> = {}): Message => ({
    body: bodyOf(change.signer ?? 'current'),
    time: site.clock.now(),
    url: `${PUBLIC_URL}/webhooks/${current.token}${rest}`,
    signer: 'current',
    ...change,
  })
  const callWith = (headers: Headers, body: Buffer, more: Partial<Sent> = {}) =>
    send(site.port, { path: `/webhooks/${current.token}${rest}`, headers, body, ...more })
  const call = async (change: Partial<Message> = {}, more: Partial<Sent> = {}) => {
    const message = messageOf(change)
    return callWith(await sign(message), message.body, more)
  }

  async function expectPass(answer: Promise<Answered>): Promise<void> {
    const before = stored
    const { status, body } = await answer
    expect({ status, body, stored: stored - before }).toEqual({
      status: 200,
      body: '{"success":true}',
      stored: 1,
    })
  }

  async function expectRefusal(answer: Promise<Answered>): Promise<void> {
    const before = stored
    const { status, body } = await answer
    expect({ body, stored: stored - before }).toEqual({ body: '{"error":"Verification failed"}', stored: 0 })
    expect([refusedWith].flat()).toContain(status)
  }

  test('what the provider signs passes, and its bytes are stored as they came', async () => {
    await expectPass(call())
    const event = await site.nextEvent()
    expect(event.body.equals(sample)).toBe(true)
  })

  test('a body in chunks passes', () => expectPass(call({}, { chunked: true })))

  const pass = verifierCase.alsoPass?.map((body, index): [string, Buffer] => [`body ${index + 1}`, body])
  for (const [title, body] of pass ?? [])
    test(`${title} passes when it is signed`, () => expectPass(call({ body })))
  for (const [title, body] of Object.entries(ODD_BODIES)) {
    if (!pass || verifierCase.oddPass?.includes(title as keyof typeof ODD_BODIES))
      test(`${title} passes when it is signed`, () => expectPass(call({ body })))
    else test(`${title} is refused, though it is signed`, () => expectRefusal(call({ body })))
  }

  if (verifierCase.coversBody !== false) {
    test('a changed body is refused', async () => {
      const headers = await sign(messageOf())
      for (const body of changes(sample)) await expectRefusal(callWith(headers, body))
    })

    if (!pass) {
      test('two bodies that decode to the same text have different signatures', async () => {
        const [one, other] = [Buffer.from([0x22, 0xff, 0x22]), Buffer.from([0x22, 0xfe, 0x22])]
        await expectRefusal(callWith(await sign(messageOf({ body: one })), other))
      })
    }
  }

  test('what a stranger signs is refused', () => expectRefusal(call({ signer: 'stranger' })))

  if (verifierCase.checked.length > 0)
    test('a request without any header of the provider is refused', () => expectRefusal(callWith([], sample)))

  const describeHeader = (name: string) => {
    const without = (headers: Headers) => headers.filter(([candidate]) => candidate !== name)
    const valueIn = (headers: Headers) => headers.find(([candidate]) => candidate === name)?.[1] ?? ''
    const replaced = (headers: Headers, value: string): Headers => [...without(headers), [name, value]]

    test('missing is refused', async () => {
      await expectRefusal(callWith(without(await sign(messageOf())), sample))
    })

    test('in upper case passes', async () => {
      const headers = await sign(messageOf())
      await expectPass(callWith([...without(headers), [name.toUpperCase(), valueIn(headers)]], sample))
    })

    test('twice is refused, even with the same value', async () => {
      const headers = await sign(messageOf())
      await expectRefusal(callWith([...headers, [name, valueIn(headers)]], sample))
      await expectRefusal(callWith([[name, 'other'], ...headers], sample))
      if (verifierCase.lists?.includes(name)) return
      await expectRefusal(callWith(replaced(headers, `${valueIn(headers)}, ${valueIn(headers)}`), sample))
    })

    test('malformed is refused', async () => {
      const headers = await sign(messageOf())
      const value = valueIn(headers)
      const middle = Math.ceil(value.length / 2)
      const malformed = [
        '',
        '=',
        'x',
        `${value}x`,
        `x${value}`,
        value.slice(0, -1),
        value.slice(1),
        `${value}=x`,
      ]
      malformed.push(
        `${value.slice(0, middle)} ${value.slice(middle)}`,
        '0'.repeat(value.length),
        `${value}\tx`,
      )
      for (const text of malformed) await expectRefusal(callWith(replaced(headers, text), sample))
    })

    test('with other than ASCII is refused', async () => {
      const headers = await sign(messageOf())
      const value = valueIn(headers)
      for (const text of [`${value.slice(0, -1)}é`, `é${value.slice(1)}`, 'é', `${value}\u00a0`])
        await expectRefusal(callWith(replaced(headers, text), sample))
    })
  }
  for (const name of verifierCase.checked) describe(`the header ${name}`, () => describeHeader(name))

  if (verifierCase.tolerance) {
    const { pastMs, futureMs } = verifierCase.tolerance
    test('a time as old as allowed passes, an older one is refused', async () => {
      const now = site.clock.now()
      await expectPass(call({ time: now - pastMs }))
      await expectRefusal(call({ time: now - pastMs - 1_000 }))
      await expectRefusal(call({ time: 0 }))
    })

    test('a time as far ahead as allowed passes, one further ahead is refused', async () => {
      const now = site.clock.now()
      await expectPass(call({ time: now + futureMs }))
      await expectRefusal(call({ time: now + futureMs + 1_000 }))
    })

    test.each(verifierCase.notTimes ?? NOT_SECONDS)(
      '%s is not a time, though it is signed',
      async (timeText) => {
        await expectRefusal(call({ timeText }))
      },
    )
  }

  if (verifierCase.rotated) {
    test('while a secret is rotated both pass; the next one alone does not yet', async () => {
      const to = { path: `/webhooks/${rotated.token}${rest}` }
      const url = `${PUBLIC_URL}${to.path}`
      await expectPass(call({ url }, to))
      await expectPass(call({ url, signer: 'next' }, to))
      await expectRefusal(call({ url, signer: 'stranger' }, to))
      await expectRefusal(call({ signer: 'next' }))
    })
  }

  test('nothing of a secret or a signature is logged', async () => {
    const message = messageOf({ signer: 'stranger' })
    const headers = await sign(message)
    await expectRefusal(callWith(headers, message.body))
    const log = JSON.stringify(site.logged)
    expect(log).toContain('Verification failed')
    const values = headers.flatMap(([name, value]) => (verifierCase.checked.includes(name) ? [value] : []))
    const telling = [...verifierCase.secrets, ...values].filter((text) => text.length > 12)
    for (const text of telling) expect(log).not.toContain(text)
  })
}

/** The body with a byte changed, added, taken away. */
function changes(body: Buffer): Buffer[] {
  const flipped = Buffer.from(body)
  const middle = Math.floor(body.length / 2)
  flipped[middle] = (flipped[middle] ?? 0) ^ 1
  return [flipped, Buffer.concat([body, Buffer.from(' ')]), body.subarray(0, -1), Buffer.alloc(0)]
}
