import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'

/** An atomic act; its file in `lua/` says what it takes and returns. */
export interface Script {
  source: string
  sha: string
}

const names = [
  'acknowledge',
  'admit',
  'close-replies',
  'dead-letter',
  'end',
  'fetch-replies',
  'forget-messages',
  'hold',
  'read',
  'release-leases',
  'renew-leases',
  'reply',
  'save',
  'settle',
  'take-over',
  'wake',
] as const

export type Scripts = Record<(typeof names)[number], Script>

/** Reads the scripts that lie beside this file. */
export function loadScripts(): Scripts {
  const entries = names.map((name) => {
    const source = readFileSync(new URL(`./lua/${name}.lua`, import.meta.url), 'utf8')
    return [name, { source, sha: createHash('sha1').update(source).digest('hex') }]
  })
  return Object.fromEntries(entries) as Scripts
}
