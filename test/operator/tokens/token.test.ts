import { randomBytes } from 'node:crypto'
import { describe, expect, test } from '@jest/globals'
import { createToken, createTokenClaims, TOKEN_PATTERN } from '../../../operator/tokens/token.ts'

test('L03 a generated token has 32 characters that a URL need not encode, and is another each time', () => {
  const tokens = Array.from({ length: 1000 }, () => createToken(randomBytes))
  for (const token of tokens) {
    expect(token).toHaveLength(32)
    expect(token).toMatch(TOKEN_PATTERN)
  }
  expect(new Set(tokens).size).toBe(1000)
})

const claimant = (
  name: string,
  day: number,
  namespace = 'default',
): { metadata: { name: string; namespace: string; creationTimestamp: string } } => ({
  metadata: { name, namespace, creationTimestamp: `2026-01-0${day}T00:00:00Z` },
})

describe('claims to a token', () => {
  test('who has it keeps it, however old another is that claims it', () => {
    const claims = createTokenClaims()
    const [younger, older] = [claimant('b', 2), claimant('a', 1)]
    claims.claim(younger, 't')
    expect(claims.claim(older, 't')).toEqual([])
    expect(claims.owner('t')).toBe(younger)
    expect(claims.claim(older, 't')).toEqual([])
    expect(claims.claim(younger, 't')).toEqual([])
    expect(claims.owner('t')).toBe(younger)
  })

  test('when the holder leaves, the oldest of the others follows; of equal age the first by namespace and name', () => {
    const claims = createTokenClaims()
    const holder = claimant('holder', 9)
    const others = [claimant('c', 2), claimant('b', 1), claimant('z', 1, 'another')]
    for (const one of [holder, ...others]) claims.claim(one, 't')
    expect(claims.claim(holder, 'another').map(({ metadata }) => metadata.name)).toEqual(['z', 'b', 'c'])
    expect(claims.owner('t')?.metadata.name).toBe('z')
    expect(claims.owner('another')).toBe(holder)
    expect(claims.claim(holder, undefined)).toEqual([])
    expect(claims.owner('another')).toBeUndefined()
  })

  test('one that is gone, of which only the name is known, leaves what it had to the next', () => {
    const claims = createTokenClaims()
    const [holder, heir] = [claimant('holder', 1), claimant('heir', 2)]
    for (const one of [holder, heir]) claims.claim(one, 't')
    expect(claims.leave({ namespace: holder.metadata.namespace ?? '', name: 'holder' })).toEqual([heir])
    expect(claims.owner('t')).toBe(heir)
    expect(claims.leave({ namespace: 'shop', name: 'nobody' })).toEqual([])
  })

  test('claiming the same again concerns nobody, and takes the claimant as it is now', () => {
    const claims = createTokenClaims()
    const now = claimant('a', 1)
    claims.claim(claimant('a', 1), 't')
    claims.claim(claimant('b', 2), 't')
    expect(claims.claim(now, 't')).toEqual([])
    expect(claims.owner('t')).toBe(now)
  })
})
