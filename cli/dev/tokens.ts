/** The URL tokens of the Webhooks of one folder, kept in a file so that URLs stay over restarts. */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import type { ObjectName } from '../../operator/source.ts'

export interface TokenStore {
  /** The token of a Webhook; made on the first call, the same ever after. */
  tokenOf(webhook: ObjectName): string
}

/**
 * `file` is created with mode 0600 when the first token is made. When it can't be written, tokens last as
 * long as the process and `onUnsaved` is told once.
 */
export function createTokenStore(options: {
  file: string
  createToken: () => string
  onUnsaved: (error: Error) => void
}): TokenStore {
  const { file, createToken, onUnsaved } = options
  const tokens = new Map(Object.entries(readTokens(file)))
  let saving = true

  const save = (): void => {
    try {
      mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 })
      writeFileSync(`${file}.new`, JSON.stringify(Object.fromEntries(tokens), null, 2), { mode: 0o600 })
      renameSync(`${file}.new`, file)
    } catch (error) {
      saving = false
      onUnsaved(error as Error)
    }
  }

  return {
    tokenOf({ namespace, name }) {
      const key = `${namespace}/${name}`
      const token = tokens.get(key) ?? createToken()
      if (!tokens.has(key)) {
        tokens.set(key, token)
        if (saving) save()
      }
      return token
    },
  }
}

function readTokens(file: string): Record<string, string> {
  try {
    const parsed: unknown = JSON.parse(readFileSync(file, 'utf8'))
    return typeof parsed === 'object' && parsed !== null ? (parsed as Record<string, string>) : {}
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {}
    throw new Error(`The file of URL tokens ${file} can't be read: ${(error as Error).message}`, {
      cause: error,
    })
  }
}
