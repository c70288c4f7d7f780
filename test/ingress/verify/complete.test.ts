/** A verification is more than its verifier: whoever adds one is told here what else belongs to it. */
import { existsSync, readFileSync } from 'node:fs'
import { expect, test } from '@jest/globals'
import type { WebhookVerification } from '../../../crds/types.gen.ts'
import { VERIFIERS } from '../../../ingress/verify/registry.ts'
import type { Verifier } from '../../../ingress/verify/verifier.ts'
import { CASES } from './cases.ts'

type Type = Exclude<WebhookVerification['type'], 'None'>

// The type check of the build sees what Jest does not: with one type more than there are verifiers, this must
// be an error.
// @ts-expect-error Newcomer has no verifier.
const incomplete: Readonly<Record<Type | 'Newcomer', Verifier>> = VERIFIERS

const root = new URL('../../../', import.meta.url)
const page = readFileSync(new URL('docs/verification.md', root), 'utf8')
const types = Object.keys(incomplete) as Type[]

test.each(types)('%s has a row on the page, and the section that it leads to', (type) => {
  const section = new RegExp(`^\\| \\[${type}\\]\\(#([\\w-]+)\\) `, 'm').exec(page)?.[1]
  const anchors = [...page.matchAll(/^## (.+)$/gm)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replace(/[^\w -]/g, '')
      .replaceAll(' ', '-'),
  )
  expect(anchors).toContain(section)
})

test.each(types)('%s has an example', (type) => {
  const words = type.replace(/([a-z])([A-Z])/g, '$1-$2').toLowerCase()
  const names = [words, words.replaceAll('-', '')]
  const has = (ending: string) =>
    names.some((name) => existsSync(new URL(`examples/providers/${name}.${ending}`, root)))
  expect([has('yaml'), has('http')]).toEqual([true, true])
})

test('every type has a case in the contract suite', () => {
  expect(types.filter((type) => !(type in CASES))).toEqual([])
})
