import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { artefactFile, followArtefactFolder } from '../../artefacts/folder.ts'
import type { ArtefactFollowing, ArtefactName } from '../../artefacts/artefact.ts'

interface Thing extends ArtefactName {
  value: number
}

let folder: string
let held: Map<string, number>
let faults: string[]
let changed: () => void
let following: ArtefactFollowing<Thing> | undefined

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'hooklet-artefacts-'))
  held = new Map()
  faults = []
  changed = () => {}
})
afterEach(async () => {
  await following?.close()
  await rm(folder, { recursive: true })
})

async function put(name: string, value: number): Promise<void> {
  const thing = { namespace: 'ns', name, value }
  const file = path.join(folder, artefactFile(thing, 'route'))
  await writeFile(`${file}.new`, JSON.stringify(thing))
  await rename(`${file}.new`, file)
}

async function follow(): Promise<void> {
  following = await followArtefactFolder<Thing>({
    folder,
    kind: 'route',
    sink: {
      put({ name, value }) {
        if (value < 0) throw new TypeError('negative')
        held.set(name, value)
        changed()
      },
      remove({ name }) {
        held.delete(name)
        changed()
      },
    },
    onFault(file, error) {
      faults.push(`${file}: ${error.message}`)
      changed()
    },
  })
}

/** Does something and resolves with the next change that is seen. */
async function seen(act: () => Promise<void>): Promise<void> {
  const change = new Promise<void>((resolve) => (changed = resolve))
  await act()
  await change
}

test('what is there is taken before it resolves; later changes and removals follow', async () => {
  await put('a', 1)
  await put('b', 2)
  await writeFile(path.join(folder, 'ns.c.plan.json'), '{}')
  await follow()
  expect(Object.fromEntries(held)).toEqual({ a: 1, b: 2 })

  await seen(() => put('a', 3))
  expect(Object.fromEntries(held)).toEqual({ a: 3, b: 2 })
  await seen(() => rm(path.join(folder, 'ns.b.route.json')))
  expect(Object.fromEntries(held)).toEqual({ a: 3 })
  expect(faults).toEqual([])
})

test('what is not taken is told, and the former version stays', async () => {
  await put('a', 1)
  await follow()
  await seen(() => put('a', -1))
  await seen(() => writeFile(path.join(folder, 'ns.x.route.json'), '{'))
  await seen(() => writeFile(path.join(folder, 'ns.y.route.json'), '{"namespace": "ns", "name": "z"}'))
  expect(Object.fromEntries(held)).toEqual({ a: 1 })
  expect(new Set(faults.map((fault) => fault.split(':')[0]))).toEqual(
    new Set(['ns.a.route.json', 'ns.x.route.json', 'ns.y.route.json']),
  )
})

test('a folder that is not there is an error', async () => {
  await rm(folder, { recursive: true })
  await expect(follow()).rejects.toThrow(/ENOENT/)
  folder = await mkdtemp(path.join(tmpdir(), 'hooklet-artefacts-'))
})

test('one is read anew, before its change is followed; what is not there is undefined, what is none is an error', async () => {
  await put('a', 1)
  await follow()
  await put('a', 2)
  expect(await following?.read({ namespace: 'ns', name: 'a' })).toEqual({
    namespace: 'ns',
    name: 'a',
    value: 2,
  })
  expect(await following?.read({ namespace: 'ns', name: 'b' })).toBeUndefined()
  await writeFile(path.join(folder, 'ns.x.route.json'), '{')
  await expect(following?.read({ namespace: 'ns', name: 'x' })).rejects.toThrow(SyntaxError)
})
