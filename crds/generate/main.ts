/**
 * `npm run gen`: writes what is derived from the CRDs and the contract; `--check` only tells whether it is in
 * step.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { CRD_FILES, readCrd } from '../schema.ts'
import { emitConditions } from './conditions.ts'
import { emitReference } from './reference.ts'
import { emitTypes } from './types.ts'

const root = new URL('../../', import.meta.url)
const crds = CRD_FILES.map(readCrd)
const outputs: [file: string, content: string][] = [
  ['crds/types.gen.ts', emitTypes(crds)],
  ...crds.map((crd): [string, string] => [`docs/reference/${crd.kind.toLowerCase()}.md`, emitReference(crd)]),
  ['docs/reference/conditions.md', emitConditions()],
]

const stale = outputs.filter(([file, content]) => {
  const url = new URL(file, root)
  return !existsSync(url) || readFileSync(url, 'utf8') !== content
})
if (process.argv.includes('--check')) {
  for (const [file] of stale) process.stderr.write(`${file} is not in step with crds/: run npm run gen\n`)
  process.exitCode = stale.length === 0 ? 0 : 1
} else {
  for (const [file, content] of stale) {
    const url = new URL(file, root)
    mkdirSync(fileURLToPath(new URL('.', url)), { recursive: true })
    writeFileSync(url, content)
    process.stdout.write(`wrote ${file}\n`)
  }
}
