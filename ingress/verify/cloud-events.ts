import { signedBody } from './delivery.ts'
import { asText, jsonObject } from './json.ts'
import type { Verification } from '../route.ts'
import type { VerificationOutcome, VerificationRequest, Verifier } from './verifier.ts'
import { onlyHeader, PASS, reject } from './verifier.ts'

type Settings = NonNullable<Verification['cloudEvents']>

/**
 * CloudEvents, "HTTP 1.1 Web Hooks for Event Delivery" 1.0: who asks by OPTIONS whether events may be sent
 * gets the permission, if its origin is listed. That proves nothing about who sends; the webhook's own
 * credentials do. A callback that a sender asks for is never visited: it could be any address.
 */
export const cloudEvents: Verifier = {
  proves: () => false,
  prepare({ cloudEvents: settings }) {
    if (settings === undefined) throw new TypeError('a verification of type CloudEvents lacks its settings')
    return {
      verify(request) {
        if (request.method === 'OPTIONS') return permission(request, settings)
        if (request.method !== 'POST')
          return { ...refusal('MethodNotAllowed', 405), headers: ['Allow', 'POST'] }
        const origins = request.header('origin')
        if (origins.some((origin) => !isAllowed(origin, settings))) return reject('NotAllowed', 403)
        return isEvent(request) ? PASS : reject('UnknownFormat', 415)
      },
      needsCredentials: (method) => method !== 'OPTIONS',
      ...(settings.accessTokenInQuery ? { bearerParameter: 'access_token' } : {}),
      deliveryId: idOf,
    }
  },
}

const refusal = (reason: 'MethodNotAllowed', status: 405) => ({ kind: 'reject', reason, status }) as const

function isAllowed(origin: string, { allowedOrigins }: Settings): boolean {
  return (
    allowedOrigins.includes('*') ||
    allowedOrigins.includes(origin.toLowerCase()) ||
    allowedOrigins.includes(origin)
  )
}

/** Without the permission the answer carries no header of it: what a sender must not take for a yes. */
function permission(request: VerificationRequest, settings: Settings): VerificationOutcome {
  const headers = ['Allow', 'POST']
  const origin = onlyHeader(request, 'webhook-request-origin')
  const granted = typeof origin === 'string' && ORIGIN.test(origin) && isAllowed(origin, settings)
  if (!granted) return { kind: 'handshake', status: 200, body: '', headers }
  headers.push('WebHook-Allowed-Origin', origin)
  const [rate = ''] = request.header('webhook-request-rate')
  const asked = /^[1-9]\d{0,8}$/.test(rate) ? Number(rate) : settings.allowedRate
  headers.push('WebHook-Allowed-Rate', String(Math.min(asked, settings.allowedRate)))
  return { kind: 'handshake', status: 200, body: '', headers }
}

const ORIGIN = /^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$/

/** Structured, batched, or in binary mode with all attributes that an event must have. */
function isEvent(request: VerificationRequest): boolean {
  const [type = ''] = request.header('content-type')
  if (/^application\/cloudevents(-batch)?\+json *(;|$)/i.test(type)) return true
  return ['ce-specversion', 'ce-id', 'ce-source', 'ce-type'].every(
    (name) => request.header(name).length === 1,
  )
}

/** Source and id together name an event. A batch has many, and is known by its bytes. */
function idOf(request: VerificationRequest): string | undefined {
  const [id] = request.header('ce-id')
  const [source] = request.header('ce-source')
  if (id !== undefined && source !== undefined) return JSON.stringify([source, id])
  const [type = ''] = request.header('content-type')
  if (/^application\/cloudevents-batch\+json/i.test(type)) return signedBody(request)
  const event = jsonObject(request.body)
  const [ownId, ownSource] = [asText(event?.['id']), asText(event?.['source'])]
  return ownId === undefined || ownSource === undefined ? undefined : JSON.stringify([ownSource, ownId])
}
