/**
 * The values of the chart as their file says them: each with its default, its comment, and what is allowed.
 */
import { isMap, isScalar, parse, parseDocument } from 'yaml'
import type { Node, Pair, YAMLMap } from 'yaml'

export interface Value {
  /** `ingress.route.hosts` */
  path: string
  name: string
  /** The sentences above it; empty when there are none. */
  doc: string
  fallback: unknown
  /** What a line `@schema …` says. */
  narrowed: Record<string, unknown>
  /**
   * Of a value that has values of its own; undefined for all others, maps that users fill as they like among
   * them.
   */
  children: Value[] | undefined
}

/** @throws when a comment says `@schema` and something that is no YAML map. */
export function readValues(text: string): Value[] {
  const document = parseDocument(text)
  if (!isMap(document.contents)) throw new Error('the values are no map')
  return readMap(document.contents, '')
}

function readMap(map: YAMLMap, prefix: string): Value[] {
  return map.items.map((pair, index) => {
    // A comment above the first key is the map's.
    const above = (pair.key as Node).commentBefore ?? (index === 0 ? map.commentBefore : undefined)
    return readPair(pair as Pair<Node, Node>, prefix, above ?? '')
  })
}

function readPair({ key, value }: Pair<Node, Node>, prefix: string, comment: string): Value {
  const name = String(isScalar(key) ? key.value : key)
  const path = prefix === '' ? name : `${prefix}.${name}`
  // Above a blank line stands what is said of the whole file.
  const own = comment.split(/\n\s*\n/).at(-1) ?? ''
  const lines = own.split('\n').map((line) => line.trim())
  const at = lines.findIndex((line) => line.startsWith('@schema'))
  const narrowed: unknown = at === -1 ? {} : parse(lines.slice(at).join(' ').replace('@schema', ''))
  if (typeof narrowed !== 'object' || narrowed === null) throw new Error(`${path}: @schema wants a map`)
  const open = 'additionalProperties' in narrowed || '$ref' in narrowed
  return {
    path,
    name,
    doc: (at === -1 ? lines : lines.slice(0, at)).join(' ').trim(),
    fallback: value?.toJSON() as unknown,
    narrowed: narrowed as Record<string, unknown>,
    children: isMap(value) && !open ? readMap(value, path) : undefined,
  }
}
