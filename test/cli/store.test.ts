import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { createAdmission } from '../../cli/admission/admission.ts'
import { createManifestStore } from '../../cli/manifests/store.ts'
import type { ManifestStore } from '../../cli/manifests/store.ts'

let folder: string
let store: ManifestStore

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'hooklet-store-'))
  store = createManifestStore({
    root: folder,
    admission: createAdmission(),
    now: () => Date.UTC(2026, 0, 2),
  })
})
afterEach(() => rm(folder, { recursive: true }))

const webhook = (name: string, spec = '{}'): string =>
  `apiVersion: hooklet.dev/v1alpha1\nkind: Webhook\nmetadata: {name: ${name}}\nspec: ${spec}\n`

const put = (file: string, text: string): Promise<void> => writeFile(path.join(folder, file), text)

async function load(): Promise<{ objects: string[]; faults: string[]; changed: boolean }> {
  const { objects, faults, changed } = await store.load()
  return {
    objects: objects.map(({ object }) => `${object.metadata.name}@${object.metadata.generation}`),
    faults: faults.map(
      (fault) => `${path.basename(fault.file)}:${fault.line} ${fault.path}: ${fault.message}`,
    ),
    changed,
  }
}

test('objects get what an API server adds', async () => {
  await put('a.yaml', webhook('one'))
  const { objects } = await store.load()
  expect(objects[0]?.object.metadata).toEqual({
    name: 'one',
    namespace: 'default',
    uid: expect.stringMatching(/^[\da-f]{8}-[\da-f]{4}-8[\da-f]{3}-8[\da-f]{3}-[\da-f]{12}$/),
    generation: 1,
    creationTimestamp: '2026-01-02T00:00:00.000Z',
  })
  expect(objects[0]?.object).toMatchObject({ spec: { type: 'HTTP', limits: { connections: 100 } } })
})

test('the generation grows with the spec only', async () => {
  await put('a.yaml', webhook('one'))
  expect(await load()).toEqual({ objects: ['one@1'], faults: [], changed: true })
  expect(await load()).toMatchObject({ objects: ['one@1'], changed: false })
  await put('a.yaml', `# a comment\n${webhook('one')}`)
  expect(await load()).toMatchObject({ objects: ['one@1'], changed: true })
  await put('a.yaml', webhook('one', '{suspend: true}'))
  expect(await load()).toMatchObject({ objects: ['one@2'], changed: true })
})

test('a file with a fault keeps its last good version, a deleted one goes', async () => {
  await put('a.yaml', `${webhook('one')}---\n${webhook('two')}`)
  await put('b.yaml', webhook('three'))
  expect((await load()).objects).toEqual(['one@1', 'two@1', 'three@1'])

  await put('a.yaml', `${webhook('one', '{suspend: maybe}')}---\n${webhook('four')}`)
  expect(await load()).toEqual({
    objects: ['one@1', 'two@1', 'three@1'],
    faults: [expect.stringMatching(/^a\.yaml:4 spec\.suspend: /)],
    changed: true,
  })
  expect((await load()).faults).toHaveLength(1)

  await put('a.yaml', 'kind: [')
  expect(await load()).toMatchObject({ objects: ['one@1', 'two@1', 'three@1'] })

  await put('a.yaml', webhook('four'))
  expect(await load()).toEqual({ objects: ['four@1', 'three@1'], faults: [], changed: true })

  await rm(path.join(folder, 'b.yaml'))
  expect((await load()).objects).toEqual(['four@1'])
})

test('an edit is judged against the version before it', async () => {
  await put('a.yaml', webhook('one'))
  await load()
  await put('a.yaml', webhook('one', '{type: WebSocket}'))
  expect((await load()).faults).toEqual([expect.stringMatching(/^a\.yaml:4 spec\.type: .*immutable/)])
})

test('an object that moves to another file is the same object', async () => {
  await put('a.yaml', webhook('one'))
  await put('b.yaml', '')
  await load()
  await put('a.yaml', webhook('one', '{suspend: true}'))
  expect((await load()).objects).toEqual(['one@2'])
  await put('a.yaml', '')
  await put('b.yaml', webhook('one', '{suspend: true}'))
  expect((await load()).objects).toEqual(['one@2'])
})

test('the same object in two files is taken once', async () => {
  await put('a.yaml', webhook('one'))
  await put('b.yaml', webhook('one'))
  const { objects, faults } = await load()
  expect(objects).toEqual(['one@1'])
  expect(faults).toEqual([expect.stringMatching(/^b\.yaml:3 metadata\.name: .*a\.yaml/)])
})

test("other people's objects are passed over, mistyped ones of ours are faults", async () => {
  await put('deploy.yaml', 'apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\n---\nversion: 3\n')
  await put('typo.yaml', webhook('one').replace('Webhook', 'Webhok'))
  await put('bare.yaml', 'apiVersion: hooklet.dev/v1alpha1\nkind: Webhook\nspec: {}\n')
  expect(await load()).toEqual({
    objects: [],
    faults: [expect.stringContaining('bare.yaml:1'), expect.stringMatching(/^typo\.yaml:2 kind: .*Webhook/)],
    changed: true,
  })
})
