import { trimBlanks } from '../header-syntax.ts'
import { idOf, signedBody } from './delivery.ts'
import { jsonObject } from './json.ts'
import { secretKeys } from './keys.ts'
import { createMac } from './mac.ts'
import { DEFAULT_TOLERANCE_MS, parseTime } from './time.ts'
import type { Verifier } from './verifier.ts'
import { always, onlyHeader, PASS, reject } from './verifier.ts'

const mac = createMac('SHA256', 'Hex')

/**
 * Stripe, "Resolve webhook signature verification errors" and its libraries:
 * `t=TIME,v1=SIGNATURE[,v1=…][,v0=…]` over `TIME.BODY`. The key is the whole text of the endpoint's secret,
 * `whsec_` included. v0 is of test events and never counts.
 */
export const stripe: Verifier = {
  proves: always,
  prepare({ secrets, toleranceMs = DEFAULT_TOLERANCE_MS }) {
    const keys = secretKeys(secrets).map(mac.key)
    return {
      verify(request) {
        const header = onlyHeader(request, 'stripe-signature')
        if (typeof header !== 'string') return header
        const { time, signatures } = parseHeader(header)
        const signedAt = parseTime(time, 'UnixSeconds')
        if (signedAt === undefined || signatures.length === 0) return reject('HeaderMalformed')
        if (!(Math.abs(request.now - signedAt) <= toleranceMs)) return reject('TimestampOutOfTolerance')
        return mac.passes(keys, [`${time}.`, request.body], signatures) ? PASS : reject('SignatureMismatch')
      },
      deliveryId: (request) => idOf(jsonObject(request.body)?.['id']) ?? signedBody(request),
    }
  },
}

/** An empty time when there is none, or more than one. */
function parseHeader(header: string): { time: string; signatures: string[] } {
  const times: string[] = []
  const signatures: string[] = []
  for (const item of header.split(',')) {
    const equals = item.indexOf('=')
    const [name, value] = [trimBlanks(item.slice(0, equals)), item.slice(equals + 1)]
    if (name === 't') times.push(value)
    else if (name === 'v1' && mac.form.test(value)) signatures.push(value)
  }
  return { time: times.length === 1 ? (times[0] ?? '') : '', signatures }
}
