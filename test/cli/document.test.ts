import { expect, test } from '@jest/globals'
import { readDocuments } from '../../cli/manifests/document.ts'

const TEXT = `# two documents
kind: A
spec:
  list:
    - one
    - two: 2
      three: 3
---
kind: B
---
`

test('documents are read with the places of their fields', () => {
  const { documents, faults } = readDocuments('x.yaml', TEXT)
  expect(faults).toEqual([])
  expect(documents.map((document) => document.value)).toEqual([
    { kind: 'A', spec: { list: ['one', { two: 2, three: 3 }] } },
    { kind: 'B' },
  ])
  const [first, second] = documents
  expect(first?.locate(['spec', 'list', 1, 'three'])).toEqual({ line: 7, column: 7 })
  expect(first?.locate(['spec', 'list', 1, 'missing', 'deeper'])).toEqual({ line: 6, column: 7 })
  expect(first?.locate(['spec'])).toEqual({ line: 3, column: 1 })
  expect(second?.locate(['kind'])).toEqual({ line: 9, column: 1 })
})

test('what is no YAML is a fault with its place', () => {
  const { documents, faults } = readDocuments('bad.yaml', 'a: 1\nb: [1, 2\nc: 3\n')
  expect(documents).toEqual([])
  expect(faults[0]).toMatchObject({ file: 'bad.yaml', line: 3 })
  expect(faults[0]?.message).toMatch(/^is not valid YAML: .*[^.]$/)
})

test('a key that stands twice is a fault', () => {
  expect(readDocuments('x.yaml', 'a: 1\na: 2\n').faults).toMatchObject([{ line: 2, column: 1 }])
})

test('aliases may not blow a file up', () => {
  const bomb = ['a: &a [x,x,x,x,x,x,x,x,x,x]']
  for (let i = 1; i < 9; i++) {
    const [name, from] = [String.fromCharCode(97 + i), String.fromCharCode(96 + i)]
    bomb.push(`${name}: &${name} [${Array.from({ length: 10 }, () => `*${from}`).join(',')}]`)
  }
  expect(readDocuments('bomb.yaml', bomb.join('\n')).faults).toHaveLength(1)
})
