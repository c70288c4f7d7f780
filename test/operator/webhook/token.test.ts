import { randomBytes } from 'node:crypto'
import { describe, expect, test } from '@jest/globals'
import { createToken, createTokenClaims, TOKEN_PATTERN } from '../../../operator/webhook/token.ts'

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
  test('the oldest owns it; of equal age the first by namespace and name', () => {
    const claims = createTokenClaims()
    claims.claim(claimant('b', 2), 't')
    expect(claims.owner('t')?.metadata.name).toBe('b')
    claims.claim(claimant('a', 1), 't')
    expect(claims.owner('t')?.metadata.name).toBe('a')
    claims.claim(claimant('z', 1, 'another'), 't')
    expect(claims.owner('t')?.metadata.name).toBe('z')
  })

  test('when the owner leaves, the next is told and owns it', () => {
    const claims = createTokenClaims()
    const [older, younger] = [claimant('a', 1), claimant('b', 2)]
    expect(claims.claim(older, 't')).toEqual([])
    expect(claims.claim(younger, 't')).toEqual([older])
    expect(claims.claim(older, 'another')).toEqual([younger])
    expect(claims.owner('t')).toBe(younger)
    expect(claims.claim(older, undefined)).toEqual([])
    expect(claims.owner('another')).toBeUndefined()
  })

  test('claiming the same again changes nothing', () => {
    const claims = createTokenClaims()
    claims.claim(claimant('a', 1), 't')
    expect(claims.claim(claimant('a', 1), 't')).toEqual([])
    expect(claims.owner('t')?.metadata.name).toBe('a')
  })
})
