import { MAX_JSON_DEPTH } from '../expression/depth.ts'

/**
 * What a decoder takes of a body, beyond its size, which the ingress limits. A body beyond one of these is
 * its text, as one is that is not what its content type says: nothing of it is lost, and nothing of it costs
 * more than its size.
 */
export const DECODING = {
  /** How deep JSON and XML may nest. */
  depth: MAX_JSON_DEPTH,
  /** Tags, comments and the like in XML, end tags too: the parser's time grows faster than their number. */
  xmlTags: 20_000,
  /** The same goes for these: 4 MiB of nothing else would hold the process up for seconds. */
  xmlAttributes: 20_000,
  xmlReferences: 100_000,
  /** Characters of a processing instruction, the declaration among them. */
  xmlInstruction: 4_096,
  /** Names and values of a form. A body of 256 KiB could hold 100,000. */
  pairs: 5_000,
  /** Parts of a multipart form. */
  parts: 1_000,
  /** Header lines of a part; more are left out. */
  partHeaders: 50,
  /** Bytes of the name of a field. */
  fieldName: 255,
} as const
