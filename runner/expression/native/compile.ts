/** Compiles the syntax tree into closures. */
import type { Json } from '../../../state/event.ts'
import type { Variables } from '../expression.ts'
import { FORMATS, FUNCTIONS } from './functions.ts'
import type { Meter } from './meter.ts'
import { LeftToJq } from './node.ts'
import type { Node } from './node.ts'
import { OPERATIONS } from './operators.ts'
import { asNumber, asString, index, isPlainKey, isTrue, itemsOf, number, setKey, slice } from './values.ts'
import type { JsonObject } from './values.ts'

/** What an evaluation has beside its input. */
export interface Context {
  variables: Variables
  meter: Meter
}

/** Gives the only output, or throws {@link LeftToJq}. */
export type Single = (input: Json, context: Context) => Json
/** Gives each output to `emit`, in order. */
type Stream = (input: Json, context: Context, emit: (output: Json) => void) => void

type Compile<Kind extends Node['kind'], Compiled> = (node: Extract<Node, { kind: Kind }>) => Compiled

const SINGLES: { [Kind in Exclude<Node['kind'], 'each' | 'comma'>]: Compile<Kind, Single> } = {
  identity: () => (input) => input,
  literal:
    ({ value }) =>
    () =>
      value,
  variable:
    ({ name }) =>
    (_, { variables }) =>
      Object.hasOwn(variables, name) ? (variables[name] ?? null) : null,
  index(node) {
    const [of, key] = [single(node.of), single(node.key)]
    return (input, context) => index(of(input, context), key(input, context), context.meter)
  },
  slice(node) {
    const bound = (part: Node | undefined): Single => (part ? single(part) : () => null)
    const [of, from, to] = [single(node.of), bound(node.from), bound(node.to)]
    return (input, context) =>
      slice(of(input, context), { from: from(input, context), to: to(input, context) }, context.meter)
  },
  text(node) {
    const format = formatOf(node.format)
    const parts = node.parts.map((part) => (typeof part === 'string' ? part : single(part)))
    return (input, context) => {
      let text = ''
      for (const part of parts)
        text += typeof part === 'string' ? part : format(part(input, context), context.meter)
      context.meter.spendText(text.length)
      return text
    }
  },
  array({ items }) {
    if (!items) return () => []
    const each = stream(items)
    return (input, context) => {
      const outputs: Json[] = []
      each(input, context, (output) => outputs.push(output))
      return outputs
    }
  },
  object(node) {
    const entries = node.entries.map(({ key, value }) => [single(key), single(value)] as const)
    return (input, context) => {
      const object: JsonObject = {}
      for (const [key, value] of entries) {
        const name = asString(key(input, context), context.meter)
        if (!isPlainKey(name)) throw new LeftToJq()
        setKey(object, name, value(input, context))
      }
      return object
    }
  },
  bind(node) {
    const [of, body] = [single(node.of), single(node.body)]
    return (input, context) => body(input, bound(context, node.name, of(input, context)))
  },
  pipe(node) {
    const steps = node.steps.map(single)
    return (input, context) => steps.reduce((value, step) => step(value, context), input)
  },
  binary(node) {
    const [left, right, operation] = [single(node.left), single(node.right), OPERATIONS[node.operator]]
    return (input, context) => operation(left(input, context), right(input, context), context.meter)
  },
  and(node) {
    const [left, right] = [single(node.left), single(node.right)]
    return (input, context) => isTrue(left(input, context)) && isTrue(right(input, context))
  },
  or(node) {
    const [left, right] = [single(node.left), single(node.right)]
    return (input, context) => isTrue(left(input, context)) || isTrue(right(input, context))
  },
  '//'(node) {
    const [left, right] = [single(node.left), single(node.right)]
    return (input, context) => {
      const value = left(input, context)
      return isTrue(value) ? value : right(input, context)
    }
  },
  negate(node) {
    const of = single(node.of)
    return (input, context) => number(-asNumber(of(input, context)))
  },
  if(node) {
    const [condition, then, otherwise] = [single(node.condition), single(node.then), single(node.otherwise)]
    return (input, context) => (isTrue(condition(input, context)) ? then : otherwise)(input, context)
  },
  format({ name }) {
    const format = formatOf(name)
    return (input, { meter }) => format(input, meter)
  },
  call(node) {
    const defined = definitionOf(node)
    if (defined) return single(defined)
    const call = Object.hasOwn(FUNCTIONS, signatureOf(node)) ? FUNCTIONS[signatureOf(node)] : undefined
    if (!call) throw new LeftToJq()
    const args = node.args.map(single)
    return (input, context) => {
      const values = args.map((arg) => arg(input, context))
      return call(input, context.meter, values)
    }
  },
  only(node) {
    const outputs = stream(node.of)
    return (input, context) => {
      let only: Json | undefined
      outputs(input, context, (output) => {
        if (only !== undefined) throw new LeftToJq()
        only = output
      })
      return only ?? null
    }
  },
}

/** The functions that jq defines by others. */
function definitionOf(node: Extract<Node, { kind: 'call' }>): Node | undefined {
  const [body] = node.args
  if (!body) return undefined
  const items: Node = { kind: 'each', of: { kind: 'identity' } }
  const mapped: Node = { kind: 'array', items: { kind: 'pipe', steps: [items, body] } }
  switch (signatureOf(node)) {
    case 'map/1':
      return mapped
    case 'any/1':
    case 'all/1':
      return { kind: 'pipe', steps: [mapped, { kind: 'call', name: node.name, args: [] }] }
    case 'add/1': {
      const outputs: Node = { kind: 'array', items: body }
      return { kind: 'pipe', steps: [outputs, { kind: 'call', name: 'add', args: [] }] }
    }
    default:
      return undefined
  }
}

function signatureOf({ name, args }: Extract<Node, { kind: 'call' }>): string {
  return `${name}/${args.length}`
}

/** The nodes that may give none or several outputs. */
const STREAMS: {
  [Kind in 'each' | 'index' | 'comma' | 'bind' | 'pipe' | 'if' | 'call']: Compile<Kind, Stream>
} = {
  each(node) {
    const of = stream(node.of)
    return (input, context, emit) =>
      of(input, context, (value) => {
        for (const item of itemsOf(value, context.meter)) emit(item)
      })
  },
  index(node) {
    const [of, key] = [stream(node.of), single(node.key)]
    return (input, context, emit) => {
      // Also when it is used for nothing: it may be an error.
      const at = key(input, context)
      of(input, context, (value) => emit(index(value, at, context.meter)))
    }
  },
  comma({ items }) {
    const all = items.map(stream)
    return (input, context, emit) => {
      for (const each of all) each(input, context, emit)
    }
  },
  pipe({ steps }) {
    return steps
      .map(stream)
      .reduce(
        (first, then) => (input, context, emit) =>
          first(input, context, (value) => then(value, context, emit)),
      )
  },
  bind(node) {
    const [of, body] = [stream(node.of), stream(node.body)]
    return (input, context, emit) =>
      of(input, context, (value) => body(input, bound(context, node.name, value), emit))
  },
  if(node) {
    const [condition, then, otherwise] = [single(node.condition), stream(node.then), stream(node.otherwise)]
    return (input, context, emit) =>
      (isTrue(condition(input, context)) ? then : otherwise)(input, context, emit)
  },
  call(node) {
    const [of] = node.args
    // `empty`
    if (!of) return () => {}
    return node.name === 'first' ? firstOf(stream(of)) : selected(single(of))
  },
}

function selected(condition: Single): Stream {
  return (input, context, emit) => {
    if (isTrue(condition(input, context))) emit(input)
  }
}

/**
 * jq would stop after the first. That there are more makes no difference, and that there is an error ends it
 * all.
 */
function firstOf(outputs: Stream): Stream {
  return (input, context, emit) => {
    let first: Json | undefined
    outputs(input, context, (output) => {
      if (first === undefined) first = output
    })
    if (first !== undefined) emit(first)
  }
}

function bound(context: Context, name: string, value: Json): Context {
  context.meter.spend(Object.keys(context.variables).length)
  return { ...context, variables: { ...context.variables, [name]: value } }
}

/** Whether a node has one output whenever it has no error. */
function givesOne(node: Node): boolean {
  if (node.kind === 'each' || node.kind === 'comma') return false
  if (node.kind === 'index') return givesOne(node.of)
  if (node.kind === 'bind') return givesOne(node.of) && givesOne(node.body)
  if (node.kind === 'pipe') return node.steps.every(givesOne)
  if (node.kind === 'if') return givesOne(node.then) && givesOne(node.otherwise)
  return node.kind !== 'call' || !['empty/0', 'first/1', 'select/1'].includes(signatureOf(node))
}

/** @throws {LeftToJq} when the node may give none or several outputs, or isn't for native evaluation. */
export function single(node: Node): Single {
  if (!givesOne(node)) throw new LeftToJq()
  const evaluate = (SINGLES[node.kind as keyof typeof SINGLES] as (node: Node) => Single)(node)
  return (input, context) => {
    context.meter.spend(1)
    return evaluate(input, context)
  }
}

/** @throws {LeftToJq} when the node isn't for native evaluation. */
function stream(node: Node): Stream {
  if (givesOne(node)) {
    const one = single(node)
    return (input, context, emit) => emit(one(input, context))
  }
  const each = (STREAMS[node.kind as keyof typeof STREAMS] as (node: Node) => Stream)(node)
  return (input, context, emit) => {
    context.meter.spend(1)
    each(input, context, emit)
  }
}

function formatOf(name: string): (input: Json, meter: Meter) => string {
  const format = Object.hasOwn(FORMATS, name) ? FORMATS[name] : undefined
  if (!format) throw new LeftToJq()
  return format
}
