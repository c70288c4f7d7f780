/** Reads the YAML of a manifest file and remembers where everything stands in it. */
import { isCollection, isMap, isPair, isScalar, isSeq, LineCounter, parseAllDocuments } from 'yaml'
import type { Document, Node, Pair } from 'yaml'
import type { Path } from '../../crds/fault.ts'

/** A place in a file; both count from 1. */
export interface Position {
  line: number
  column: number
}

/** A fault with its place in a file. */
export interface PlacedFault extends Position {
  file: string
  /** The field, as `spec.do[0].answer`; empty when the whole document is meant. */
  path: string
  message: string
}

/** `file:line:column field: message`, as editors and compilers write it. */
export function formatFault(fault: PlacedFault, nameFile: (file: string) => string): string {
  const place = `${nameFile(fault.file)}:${fault.line}:${fault.column}`
  return fault.path === '' ? `${place} ${fault.message}` : `${place} ${fault.path}: ${fault.message}`
}

/** One YAML document of a file. */
export interface ManifestDocument {
  file: string
  value: unknown
  /** Where the field stands, or the nearest parent that is there. */
  locate(path: Path): Position
}

/** What a manifest file may weigh: more than any object the API server takes. */
const MAX_FILE_BYTES = 4 * 1024 * 1024
/** YAML aliases may not blow a small file up. */
const MAX_ALIASES = 100

/** Splits a file into its documents; empty ones are left out. A fault is a place where it is no YAML. */
export function readDocuments(
  file: string,
  text: string,
): { documents: ManifestDocument[]; faults: PlacedFault[] } {
  const whole = { file, path: '', line: 1, column: 1 }
  if (Buffer.byteLength(text) > MAX_FILE_BYTES)
    return { documents: [], faults: [{ ...whole, message: 'is larger than 4 MiB' }] }

  const lines = new LineCounter()
  const parsed = parseAllDocuments(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true })
  const documents: ManifestDocument[] = []
  const faults: PlacedFault[] = []
  for (const document of 'empty' in parsed ? [] : parsed) {
    for (const error of document.errors) {
      const { line, col } = lines.linePos(error.pos[0])
      faults.push({ ...whole, line, column: col, message: `is not valid YAML: ${firstLine(error.message)}` })
    }
    if (document.errors.length > 0) continue
    try {
      const value: unknown = document.toJS({ maxAliasCount: MAX_ALIASES })
      if (value === null || value === undefined) continue
      documents.push({ file, value, locate: (path) => locate(document, lines, path) })
    } catch (error) {
      faults.push({ ...whole, message: `is not usable YAML: ${firstLine((error as Error).message)}` })
    }
  }
  return { documents, faults }
}

function locate(document: Document.Parsed, lines: LineCounter, path: Path): Position {
  let node: unknown = document.contents
  let offset = rangeStart(node) ?? 0
  for (const part of path) {
    const step: unknown = isMap(node)
      ? node.items.find((pair) => isPair(pair) && keyOf(pair) === String(part))
      : isSeq(node)
        ? node.items[Number(part)]
        : undefined
    if (step === undefined) break
    node = isPair(step) ? step.value : step
    offset = (isPair(step) ? rangeStart(step.key) : rangeStart(step)) ?? offset
    if (!isCollection(node) && !isScalar(node)) break
  }
  const { line, col } = lines.linePos(offset)
  return { line, column: col }
}

function keyOf(pair: Pair): string | undefined {
  return isScalar(pair.key) ? String(pair.key.value) : undefined
}

function rangeStart(node: unknown): number | undefined {
  return (node as Node | null | undefined)?.range?.[0]
}

/** What the parser says, in the form of a fault: without the full stop. */
function firstLine(text: string): string {
  return (text.split('\n')[0] ?? '').trim().replace(/[.:]$/, '')
}
