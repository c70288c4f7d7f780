import type { Fault } from '../../crds/fault.ts'
import type { Schema } from '../../crds/schema.ts'
import { isRecord } from './schema.ts'

/** An API server's bound on all values of a ConfigMap or Secret together. */
const MAX_DATA_BYTES = 1024 * 1024
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/

const TEXTS: Schema = { type: 'object', additionalProperties: { type: 'string' } }
const COMMON: Record<string, Schema> = {
  apiVersion: { type: 'string' },
  kind: { type: 'string' },
  metadata: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
  immutable: { type: 'boolean' },
}

/** The kinds of the core API that manifests may hold, as far as they matter here. */
export const CORE_SCHEMAS: Record<'ConfigMap' | 'Secret', Schema> = {
  ConfigMap: { type: 'object', properties: { ...COMMON, data: TEXTS, binaryData: TEXTS } },
  Secret: {
    type: 'object',
    properties: { ...COMMON, type: { type: 'string' }, data: TEXTS, stringData: TEXTS },
  },
}

/** Checks the keys and the size of a ConfigMap or Secret whose shape is right. */
export function checkData(object: Record<string, unknown>): Fault[] {
  const faults: Fault[] = []
  let bytes = 0
  for (const field of ['data', 'binaryData', 'stringData']) {
    const entries = object[field]
    if (!isRecord(entries)) continue
    for (const [key, value] of Object.entries(entries)) {
      if (!/^[-._a-zA-Z0-9]{1,253}$/.test(key)) {
        faults.push({ path: [field, key], message: 'is not a key: use letters, digits, -, _ and .' })
      }
      const encoded = field === 'binaryData' || (field === 'data' && object.kind === 'Secret')
      if (encoded && typeof value === 'string' && !BASE64.test(value)) {
        const hint = object.kind === 'Secret' ? '; write the plain text under stringData instead' : ''
        faults.push({ path: [field, key], message: `must be base64${hint}` })
      }
      bytes += Buffer.byteLength(String(value))
    }
  }
  if (isRecord(object.data) && isRecord(object.binaryData)) {
    for (const key of Object.keys(object.binaryData)) {
      if (Object.hasOwn(object.data, key)) {
        faults.push({ path: ['binaryData', key], message: 'is in data, too: remove one' })
      }
    }
  }
  if (bytes > MAX_DATA_BYTES) faults.push({ path: [], message: 'is larger than 1 MiB: split it' })
  return faults
}

/** As an API server stores a Secret: `stringData` becomes part of `data`, in base64, and wins. */
export function mergeStringData({ stringData, ...secret }: Record<string, unknown>): Record<string, unknown> {
  if (!isRecord(stringData)) return secret
  const encoded = Object.entries(stringData).map(([key, text]) => [
    key,
    Buffer.from(String(text)).toString('base64'),
  ])
  return {
    ...secret,
    data: { ...(isRecord(secret.data) ? secret.data : {}), ...Object.fromEntries(encoded) },
  }
}
