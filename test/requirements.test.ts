import { readdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from '@jest/globals'

/** `docs/requirements.md` and the ids that names of tests begin with say the same. */
const tests = fileURLToPath(new URL('.', import.meta.url))

interface Row {
  id: string
  /** The files that it links to, below `test/`. */
  files: string[]
}

async function readRows(): Promise<Row[]> {
  const page = await readFile(path.join(tests, '../docs/requirements.md'), 'utf8')
  return [...page.matchAll(/^\| ([A-Z]\d\d) +\|.*\|(.*)\|$/gm)].map(([, id = '', links = '']) => ({
    id,
    files: [...links.matchAll(/\]\(\.\.\/test\/([^)]+)\)/g)].map(([, file = '']) => file),
  }))
}

/** The ids that texts of the file begin with: names of tests, and the parts that names are made of. */
async function idsIn(file: string): Promise<string[]> {
  const code = await readFile(path.join(tests, file), 'utf8')
  return [...code.matchAll(/['"`]((?:[LACR]\d\d(?: |(?=['"`])))+)/g)].flatMap(([, ids = '']) =>
    ids.trim().split(' '),
  )
}

const rows = await readRows()
const files = (await readdir(tests, { recursive: true })).filter((name) => name.endsWith('.ts'))
const used = new Map(await Promise.all(files.map(async (file) => [file, await idsIn(file)] as const)))

test('each id is there once', () => {
  const ids = rows.map(({ id }) => id)
  expect(ids.filter((id, index) => ids.indexOf(id) !== index)).toEqual([])
})

test('the page has every id that a test begins with', () => {
  const listed = new Set(rows.map(({ id }) => id))
  const unlisted = [...used].flatMap(([file, ids]) => ids.map((id) => ({ id, file })))
  expect(unlisted.filter(({ id }) => !listed.has(id))).toEqual([])
})

describe.each(rows)('$id', ({ id, files: linked }) => {
  test('is shown by every file that its row names', () => {
    expect(linked).not.toEqual([])
    expect(linked.filter((file) => !used.get(file)?.includes(id))).toEqual([])
  })
})
