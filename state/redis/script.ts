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
  'claim',
  'close-replies',
  'dead-letter',
  'disconnect',
  'end',
  'fetch-answers',
  'fetch-outbox',
  'forget-consumers',
  'hold',
  'lapsed-connections',
  'leave',
  'read',
  'release-leases',
  'renew-connections',
  'renew-leases',
  'reply',
  'save',
  'send',
  'settle',
  'statistics',
  'take-over',
  'trim-outboxes',
  'wake',
] as const

export type Scripts = Record<(typeof names)[number], Script>

const read = (file: string): string => readFileSync(new URL(`./lua/${file}.lua`, import.meta.url), 'utf8')

/**
 * Reads the scripts that lie beside this file; a line `-- include NAME` stands for the functions of
 * `lua/include/NAME.lua`.
 */
export function loadScripts(): Scripts {
  const entries = names.map((name) => {
    const source = read(name).replace(/^-- include (\S+)$/gm, (_, part: string) => read(`include/${part}`))
    return [name, { source, sha: createHash('sha1').update(source).digest('hex') }]
  })
  return Object.fromEntries(entries) as Scripts
}
