/** A worker thread that checks values against JSON Schemas; a job's program is the schema. */
import { parentPort } from 'node:worker_threads'
import { Ajv } from 'ajv'
import type { AnySchema, ValidateFunction } from 'ajv'
import { Ajv2020 } from 'ajv/dist/2020.js'
import type { Job, Message } from '../threads/messages.ts'

const port = parentPort
if (!port) throw new Error('worker.ts is run as a worker thread')

/** Plans hold few schemas; a bound keeps a worker's memory from growing with every edit of a Workflow. */
const MAX_COMPILED = 200
const compiled = new Map<string, ValidateFunction>()

function validatorOf(text: string): ValidateFunction {
  const known = compiled.get(text)
  if (known) return known
  const schema = JSON.parse(text) as AnySchema
  const draft7 = typeof schema === 'object' && String(schema.$schema).includes('draft-07')
  const options = { strict: false, validateFormats: false, logger: false } as const
  const validator = (draft7 ? new Ajv(options) : new Ajv2020(options)).compile(schema)
  if (compiled.size >= MAX_COMPILED) compiled.clear()
  compiled.set(text, validator)
  return validator
}

function run({ program, input }: Job): Message {
  try {
    const validate = validatorOf(program)
    if (validate(JSON.parse(input))) return { kind: 'output', text: '' }
    const [error] = validate.errors ?? []
    return { kind: 'output', text: `${error?.instancePath || 'it'} ${error?.message ?? 'does not fit'}` }
  } catch (error) {
    return { kind: 'failed', text: error instanceof Error ? error.message : 'the schema can not be used' }
  }
}

// oxlint-disable unicorn/require-post-message-target-origin -- a thread has no origin
port.on('message', (job: Job) => port.postMessage(run(job)))
port.postMessage({ kind: 'ready' } satisfies Message)
