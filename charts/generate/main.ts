/**
 * Writes what of the chart is derived: schema and page from its values, its CRDs from `crds/`; `--check` only
 * tells whether it is in step.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { CRD_FILES } from '../../crds/schema.ts'
import { emitReadme } from './readme.ts'
import { emitSchema } from './schema.ts'
import { readValues } from './values.ts'

const chart = new URL('../hooklet/', import.meta.url)
const values = readValues(readFileSync(new URL('values.yaml', chart), 'utf8'))
const outputs: [file: string, content: string][] = [
  ['values.schema.json', emitSchema(values)],
  ['README.md', emitReadme(values)],
  ...CRD_FILES.map((file): [string, string] => [
    `files/crds/${file.pathname.split('/').at(-1)}`,
    `# Copied from crds/ by npm run gen. Do not edit.\n${readFileSync(file, 'utf8')}`,
  ]),
]
const stale = outputs.filter(([file, content]) => {
  const url = new URL(file, chart)
  return !existsSync(url) || readFileSync(url, 'utf8') !== content
})
if (process.argv.includes('--check')) {
  for (const [file] of stale)
    process.stderr.write(`charts/hooklet/${file} is not in step with its source: run npm run gen\n`)
  process.exitCode = stale.length === 0 ? 0 : 1
} else
  for (const [file, content] of stale) {
    writeFileSync(new URL(file, chart), content)
    process.stdout.write(`wrote charts/hooklet/${file}\n`)
  }
