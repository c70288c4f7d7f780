import { XMLParser, XMLValidator } from 'fast-xml-parser'
import type { Json } from '../../state/event.ts'
import { DECODING } from './limits.ts'

/**
 * An XML document as an object with its root element on top: an element is its text, or an object of its
 * attributes (`@name`), child elements (an array when there are several of a name) and text (`#text`). Values
 * are never turned into numbers; references to characters are decoded. `undefined` when it is not
 * well-formed, is beyond a limit, or has a document type: entities of its own are never expanded.
 */
export function parseXml(text: string): Json | undefined {
  if (/<!DOCTYPE/i.test(text) || isBeyondLimits(text)) return undefined
  try {
    if (XMLValidator.validate(text) !== true) return undefined
    const parser = new XMLParser({
      ignoreAttributes: false,
      attributeNamePrefix: '@',
      ignoreDeclaration: true,
      ignorePiTags: true,
      parseTagValue: false,
      parseAttributeValue: false,
      // References to characters by number are decoded with them, and never otherwise.
      htmlEntities: true,
      maxNestedTags: DECODING.depth,
    })
    const document = parser.parse(text) as { [element: string]: Json }
    return Object.keys(document).length === 1 ? document : undefined
  } catch {
    return undefined
  }
}

/** Told from the text alone, so that nothing beyond them gets to the parser. */
function isBeyondLimits(text: string): boolean {
  return (
    isMoreThan(DECODING.xmlTags, text, /</g) ||
    isMoreThan(DECODING.xmlAttributes, text, /=\s*["']/g) ||
    isMoreThan(DECODING.xmlReferences, text, /&/g) ||
    hasLongInstruction(text)
  )
}

function isMoreThan(most: number, text: string, form: RegExp): boolean {
  let count = 0
  while (form.test(text)) if (++count > most) return true
  return false
}

function hasLongInstruction(text: string): boolean {
  for (let at = text.indexOf('<?'); at !== -1; at = text.indexOf('<?', at + 2)) {
    const end = text.indexOf('?>', at)
    if (end === -1 || end - at > DECODING.xmlInstruction) return true
  }
  return false
}
