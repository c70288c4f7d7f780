import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from '@jest/globals'

/** The rooms of `docs/architecture.md`, held against the imports that are there and against lint. */
const root = fileURLToPath(new URL('..', import.meta.url))

interface Import {
  from: string
  to: string
}

/** What each room may import: folders, which end with a slash, and single files. */
async function readTable(): Promise<Map<string, string[]>> {
  const page = await readFile(path.join(root, 'docs/architecture.md'), 'utf8')
  const rows = page.matchAll(/^\| `(\w+)\/` +\|.*\| ([^|]+?) +\|$/gm)
  return new Map(
    [...rows].map(([, room = '', imports = '']) => [
      room,
      [...imports.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name),
    ]),
  )
}

async function readImports(room: string): Promise<Import[]> {
  const names = await readdir(path.join(root, room), { recursive: true })
  const files = names.filter((name) => name.endsWith('.ts')).map((name) => path.posix.join(room, name))
  const imports = files.map(async (from) => {
    const code = await readFile(path.join(root, from), 'utf8')
    return [...code.matchAll(/(?:from|import\() ?'(\.[^']+\.ts)'/g)].map(([, to = '']) => ({
      from,
      to: path.posix.join(path.posix.dirname(from), to),
    }))
  })
  return (await Promise.all(imports)).flat()
}

const roomOf = (file: string): string => file.split('/')[0] ?? ''
const covers = (entry: string, file: string): boolean =>
  entry.endsWith('/') ? file.startsWith(entry) : file === entry

const table = await readTable()
const rooms = [...table.keys()]
const imports = (await Promise.all(rooms.map(readImports))).flat()

test('the table has every room', () => {
  expect(rooms.toSorted()).toEqual([
    'artefacts',
    'charts',
    'cli',
    'crds',
    'ingress',
    'kube',
    'operator',
    'process',
    'runner',
    'state',
  ])
})

describe.each(rooms)('%s/', (room) => {
  const entries = table.get(room) ?? []
  const others = imports.filter(({ from, to }) => roomOf(from) === room && roomOf(to) !== room)

  test('imports what the table says, and nothing else', () => {
    expect(others.filter(({ to }) => !entries.some((entry) => covers(entry, to)))).toEqual([])
  })

  test('imports all that the table says', () => {
    expect(entries.filter((entry) => !others.some(({ to }) => covers(entry, to)))).toEqual([])
  })
})

/** The file that an import of this entry would name. */
const sampleOf = (entry: string): string => (entry.endsWith('/') ? `${entry}anything.ts` : entry)

test('lint allows what the table says, and nothing else', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'hooklet-lint-'))
  try {
    await cp(path.join(root, '.oxlintrc.json'), path.join(folder, '.oxlintrc.json'))
    const entries = new Set([...rooms.map((room) => `${room}/`), ...[...table.values()].flat()])
    const refused: string[] = []
    for (const room of rooms) {
      await mkdir(path.join(folder, room))
      for (const [index, file] of [...entries].map(sampleOf).entries()) {
        if (roomOf(file) === room) continue
        const probe = `${room}/probe-${index}.ts`
        await writeFile(path.join(folder, probe), `import '../${file}'\n`)
        if (!(table.get(room) ?? []).some((entry) => covers(entry, file))) refused.push(probe)
      }
    }
    expect((await lintFaults(folder)).toSorted()).toEqual(refused.toSorted())
  } finally {
    await rm(folder, { recursive: true })
  }
})

/** The files of the folder with an import that lint refuses. */
function lintFaults(folder: string): Promise<string[]> {
  const oxlint = path.join(root, 'node_modules/.bin/oxlint')
  return new Promise((resolve, reject) => {
    execFile(oxlint, ['--format', 'json', '.'], { cwd: folder }, (_, output) => {
      try {
        const { diagnostics } = JSON.parse(output) as { diagnostics: { filename: string; code: string }[] }
        const refused = diagnostics.filter(({ code }) => code.includes('no-restricted-imports'))
        resolve([...new Set(refused.map(({ filename }) => filename))])
      } catch (error) {
        reject(error)
      }
    })
  })
}

/** Every folder with subfolders, and which of these imports which. */
function readGraphs(): Map<string, Map<string, Set<string>>> {
  const graphs = new Map<string, Map<string, Set<string>>>()
  for (const { from, to } of imports) {
    const [source, target] = [from.split('/').slice(0, -1), to.split('/').slice(0, -1)]
    const parted = source.findIndex((name, index) => name !== target[index])
    const [a, b] = [source[parted], target[parted]]
    if (a === undefined || b === undefined) continue
    const parent = source.slice(0, parted).join('/') || '.'
    const graph = graphs.get(parent) ?? new Map<string, Set<string>>()
    graphs.set(parent, graph.set(a, (graph.get(a) ?? new Set()).add(b)))
  }
  return graphs
}

/** A way that leads back to where it began; undefined when there is none. */
function cycleIn(graph: Map<string, Set<string>>): string[] | undefined {
  const done = new Set<string>()
  function visit(folder: string, way: string[]): string[] | undefined {
    if (way.includes(folder)) return [...way.slice(way.indexOf(folder)), folder]
    if (done.has(folder)) return undefined
    for (const next of graph.get(folder) ?? []) {
      const cycle = visit(next, [...way, folder])
      if (cycle) return cycle
    }
    done.add(folder)
    return undefined
  }
  for (const folder of graph.keys()) {
    const cycle = visit(folder, [])
    if (cycle) return cycle
  }
  return undefined
}

test('folders that stand side by side import each other one way only', () => {
  const graphs = readGraphs()
  expect([...graphs.keys()]).toEqual(expect.arrayContaining(['.', 'ingress', 'operator', 'runner']))
  const cycles = [...graphs].map(([parent, graph]) => ({ parent, cycle: cycleIn(graph) }))
  expect(cycles.filter(({ cycle }) => cycle !== undefined)).toEqual([])
})
