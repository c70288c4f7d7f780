import type { ReplyCallTask } from '../../../runner/plan.ts'
import { isRecord, readObject, readValue, type Field } from '../field.ts'
import type { TaskInput } from './task-type.ts'

/** `call: reply`: answers the caller, or sends to the WebSocket. */
export function compileReplyCall({ fields, base }: TaskInput): ReplyCallTask | undefined {
  if (!fields.with) return { ...base, type: 'call:reply', with: { literal: {} } }
  const args = readObject(fields.with, {
    optional: ['status', 'headers', 'body', 'replyId', 'encoding', 'close'],
  })
  if (!args) return undefined
  checkStatus(args.status)
  checkHeaders(args.headers)
  checkEncoding(args.encoding)
  checkClose(args.close)
  const values = readValue(fields.with)
  return values && { ...base, type: 'call:reply', with: values }
}

const isExpression = (field: Field): boolean => typeof field.value === 'string' && field.value.includes('${')

function checkStatus(field: Field | undefined): void {
  if (!field || isExpression(field)) return
  const { value } = field
  const fits = typeof value === 'number' && Number.isInteger(value) && value >= 200 && value <= 599
  if (!fits) field.fault('must be a status from 200 to 599, or an expression that gives one')
}

function checkHeaders(field: Field | undefined): void {
  if (!field || isExpression(field)) return
  if (!isRecord(field.value)) {
    field.fault('must be an object of headers, or an expression that gives one')
    return
  }
  for (const [name, value] of Object.entries(field.value)) {
    const header = field.child(name, value)
    if (!/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}$/.test(name)) header.fault('is not a header name')
    else if (!['string', 'number', 'boolean'].includes(typeof value)) header.fault('must be a text')
  }
}

function checkEncoding(field: Field | undefined): void {
  if (!field || isExpression(field)) return
  if (!['utf8', 'base64', 'hex'].includes(String(field.value)))
    field.fault('must be utf8, base64 or hex, or an expression that gives one')
}

function checkClose(field: Field | undefined): void {
  if (!field || isExpression(field) || typeof field.value === 'boolean') return
  const { code, reason } = readObject(field, { optional: ['code', 'reason'] }) ?? {}
  if (code && !isExpression(code) && typeof code.value !== 'number')
    code.fault('must be a close code such as 1000, or an expression that gives one')
  if (reason && typeof reason.value !== 'string') reason.fault('must be a text')
}
