import { describe, expect, test } from '@jest/globals'
import {
  ARTEFACT_KEY,
  ARTEFACT_LABEL,
  artefactSecretName,
  artefactSelector,
  CONTENT_HASH_ANNOTATION,
  decodeArtefact,
  encodeArtefact,
  isIntact,
  sourceOf,
  statedHash,
  type ArtefactSecret,
} from '../../artefacts/secret.ts'

const orders = { namespace: 'shop', name: 'orders.eu', uid: 'u-1', generation: 3, token: 'geheim', note: 'ü' }
const encoded = (): ArtefactSecret => encodeArtefact(orders, { kind: 'route', namespace: 'hooklet' })

describe('an artefact as a Secret', () => {
  test('comes back as it was', () => {
    expect(decodeArtefact(encoded(), 'route')).toEqual(orders)
  })

  test('says what it is and where it came from, and nothing secret outside of data', () => {
    const secret = encoded()
    expect(secret.metadata.name).toBe('route.shop.orders.eu')
    expect(secret.metadata.labels).toMatchObject({ [ARTEFACT_LABEL]: 'route' })
    expect(sourceOf(secret)).toEqual({ namespace: 'shop', name: 'orders.eu' })
    expect(JSON.stringify({ ...secret, data: {} })).not.toContain('geheim')
    expect(artefactSelector('plan')).toBe('hooklet.dev/artefact=plan')
    expect(artefactSelector()).toBe('hooklet.dev/artefact')
  })

  test('has a hash that follows the content', () => {
    const other = encodeArtefact({ ...orders, generation: 4 }, { kind: 'route', namespace: 'hooklet' })
    expect(statedHash(encoded())).toMatch(/^[0-9a-f]{64}$/)
    expect(statedHash(encoded())).toBe(statedHash(encoded()))
    expect(statedHash(other)).not.toBe(statedHash(encoded()))
  })

  test('has a name that no other resource has', () => {
    const names = [
      artefactSecretName({ namespace: 'a', name: 'b.c' }, 'route'),
      artefactSecretName({ namespace: 'a', name: 'b.c' }, 'plan'),
      artefactSecretName({ namespace: 'a-b', name: 'c' }, 'route'),
      artefactSecretName({ namespace: 'a', name: 'b-c' }, 'route'),
    ]
    expect(new Set(names).size).toBe(names.length)
  })

  test.each<[string, string, (secret: ArtefactSecret) => void]>([
    [
      'another kind',
      'is not labelled as a route',
      (secret) => void (secret.metadata.labels = { [ARTEFACT_LABEL]: 'plan' }),
    ],
    ['no content', 'has no key artefact.json', (secret) => void (secret.data = {})],
    [
      'changed content',
      'was changed by someone else than the operator',
      (secret) => void (secret.data = { [ARTEFACT_KEY]: Buffer.from('{}').toString('base64') }),
    ],
    [
      'no hash',
      'was changed by someone else than the operator',
      (secret) => void delete secret.metadata.annotations?.[CONTENT_HASH_ANNOTATION],
    ],
    [
      'the name of another',
      'carries the artefact of another resource',
      (secret) => void (secret.metadata.name = 'route.shop.other'),
    ],
  ])('with %s is refused', (_, message, change) => {
    const secret = encoded()
    expect(isIntact(secret)).toBe(true)
    change(secret)
    expect(() => decodeArtefact(secret, 'route')).toThrow(message)
  })
})
