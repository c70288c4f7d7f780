/**
 * Writes the reference page of the processes' settings from their declarations; `--check` only tells whether
 * it is in step.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { INGRESS_SETTINGS } from '../../ingress/config.ts'
import { OPERATOR_SETTINGS } from '../../operator/config.ts'
import type { Settings } from '../../process/config.ts'
import { RUNNER_SETTINGS } from '../../runner/config.ts'
import { emitConfiguration } from './configuration.ts'

const file = 'docs/reference/configuration.md'
const url = new URL(`../../${file}`, import.meta.url)
const content = emitConfiguration({
  ingress: INGRESS_SETTINGS satisfies Settings,
  runner: RUNNER_SETTINGS satisfies Settings,
  operator: OPERATOR_SETTINGS satisfies Settings,
})
const inStep = existsSync(url) && readFileSync(url, 'utf8') === content
if (process.argv.includes('--check')) {
  if (!inStep) process.stderr.write(`${file} is not in step with the declarations: run npm run gen\n`)
  process.exitCode = inStep ? 0 : 1
} else if (!inStep) {
  writeFileSync(url, content)
  process.stdout.write(`wrote ${file}\n`)
}
