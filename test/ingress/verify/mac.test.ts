import { createHmac } from 'node:crypto'
import { inspect } from 'node:util'
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import type { Algorithm, Encoding } from '../../../ingress/verify/mac.ts'
import { createMac } from '../../../ingress/verify/mac.ts'

const bytes = (hex: string): Buffer => Buffer.from(hex, 'hex')

/** RFC 2202 (SHA-1) and RFC 4231 (SHA-2), by test case. */
const VECTORS: [name: string, key: Buffer, message: Buffer, codes: Partial<Record<Algorithm, string>>][] = [
  [
    '1',
    Buffer.alloc(20, 0x0b),
    Buffer.from('Hi There'),
    {
      SHA1: 'b617318655057264e28bc0b6fb378c8ef146be00',
      SHA256: 'b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7',
      SHA384:
        'afd03944d84895626b0825f4ab46907f15f9dadbe4101ec682aa034c7cebc59cfaea9ea9076ede7f4af152e8b2fa9cb6',
      SHA512:
        '87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cdedaa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854',
    },
  ],
  [
    '2',
    Buffer.from('Jefe'),
    Buffer.from('what do ya want for nothing?'),
    {
      SHA1: 'effcdf6ae5eb2fa2d27416d5f184df9c259a7c79',
      SHA256: '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843',
    },
  ],
  [
    '3',
    Buffer.alloc(20, 0xaa),
    Buffer.alloc(50, 0xdd),
    { SHA256: '773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe' },
  ],
  [
    '4',
    bytes('0102030405060708090a0b0c0d0e0f10111213141516171819'),
    Buffer.alloc(50, 0xcd),
    { SHA256: '82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b' },
  ],
  [
    '6, a key longer than a block',
    Buffer.alloc(131, 0xaa),
    Buffer.from('Test Using Larger Than Block-Size Key - Hash Key First'),
    { SHA256: '60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54' },
  ],
]

describe('the vectors of RFC 2202 and RFC 4231', () => {
  for (const [name, key, message, codes] of VECTORS)
    test.each(Object.entries(codes) as [Algorithm, string][])(`${name}: %s`, (algorithm, code) => {
      const mac = createMac(algorithm, 'Hex')
      expect(mac.sign(mac.key(key), [message])).toBe(code)
    })
})

test('whatever the key, the message and its parts, it is what createHmac says', () => {
  const algorithms = fc.constantFrom<Algorithm>('SHA1', 'SHA256', 'SHA384', 'SHA512')
  const encodings = fc.constantFrom<Encoding>('Hex', 'Base64', 'Base64URL')
  const binary = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array))
  const parts = fc.array(fc.oneof(binary, fc.string({ unit: 'binary' })), { maxLength: 4 })
  fc.assert(
    fc.property(algorithms, encodings, binary, parts, (algorithm, encoding, key, message) => {
      const expected = createHmac(algorithm.toLowerCase(), key)
      for (const part of message) expected.update(part)
      const mac = createMac(algorithm, encoding)
      const code = mac.sign(mac.key(key), message)
      expect(code).toBe(expected.digest(encoding.toLowerCase() as 'hex' | 'base64' | 'base64url'))
      expect(mac.passes([mac.key(key)], message, [code])).toBe(true)
      const other = mac.key(Buffer.concat([key, Buffer.from([1])]))
      expect(mac.passes([other], message, [code])).toBe(false)
    }),
    { numRuns: 1_000 },
  )
})

test('of several keys and several signatures any pair passes', () => {
  const mac = createMac('SHA256', 'Base64')
  const [one, two] = [mac.key(Buffer.from('one')), mac.key(Buffer.from('two'))]
  const code = mac.sign(two, ['message'])
  const other = mac.sign(two, ['another'])
  expect(mac.passes([one, two], ['message'], [other, code])).toBe(true)
  expect(mac.passes([one], ['message'], [other, code])).toBe(false)
  expect(mac.passes([one, two], ['message'], [])).toBe(false)
  expect(mac.passes([], ['message'], [code])).toBe(false)
})

test('a key that is printed shows nothing', () => {
  const key = createMac('SHA256', 'Hex').key(Buffer.from('secret'))
  expect(inspect(key, { depth: 5, showHidden: true })).toBe('MacKey {}')
  expect(JSON.stringify(key)).toBe('{}')
})
