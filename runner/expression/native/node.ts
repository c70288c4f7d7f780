/** The syntax tree of the part of jq that is evaluated natively. */
import type { Json } from '../../../state/event.ts'

export type Operator = '==' | '!=' | '<' | '<=' | '>' | '>=' | '+' | '-' | '*' | '/' | '%'

export type Node =
  | { kind: 'identity' }
  | { kind: 'literal'; value: Json }
  | { kind: 'variable'; name: string }
  /** `of[key]`, `.name`, `.name?`. The key is read on the input, not on `of`. */
  | { kind: 'index'; of: Node; key: Node }
  | { kind: 'slice'; of: Node; from: Node | undefined; to: Node | undefined }
  /** `of[]` */
  | { kind: 'each'; of: Node }
  /** A string with interpolations, each written as the format says. */
  | { kind: 'text'; parts: (string | Node)[]; format: string }
  /** `[ … ]`: all outputs of `items`, which is absent in `[]`. */
  | { kind: 'array'; items: Node | undefined }
  | { kind: 'object'; entries: { key: Node; value: Node }[] }
  /** `of as $name | body` */
  | { kind: 'bind'; of: Node; name: string; body: Node }
  | { kind: 'pipe'; steps: Node[] }
  | { kind: 'comma'; items: Node[] }
  | { kind: 'binary'; operator: Operator; left: Node; right: Node }
  | { kind: 'and'; left: Node; right: Node }
  | { kind: 'or'; left: Node; right: Node }
  | { kind: '//'; left: Node; right: Node }
  | { kind: 'negate'; of: Node }
  | { kind: 'if'; condition: Node; then: Node; otherwise: Node }
  | { kind: 'format'; name: string }
  | { kind: 'call'; name: string; args: Node[] }
  /** The only output of `of`; null when there is none. */
  | { kind: 'only'; of: Node }

/** The program, or the data that it was given, is none for native evaluation: jq is to do it. */
export class LeftToJq extends Error {
  override name = 'LeftToJq'
}
