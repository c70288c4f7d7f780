import type { IncomingMessage } from 'node:http'
import type { VerificationRequest } from '../verify/verifier.ts'
import type { Target } from './target.ts'

interface Received {
  req: IncomingMessage
  /** The whole target, in origin form. */
  url: string
  target: Target
  body: Buffer
  now: number
  /** What callers see in front of `/webhooks/…`. */
  publicUrl: () => string | undefined
}

/** A call as verifiers see it; nothing is taken apart before it is asked for. */
export class ReceivedCall implements VerificationRequest {
  readonly #received: Received
  readonly method: string
  readonly rest: string
  readonly query: string
  readonly body: Buffer
  readonly now: number

  constructor(received: Received) {
    this.#received = received
    this.method = received.req.method ?? 'GET'
    this.rest = received.target.rest
    this.query = received.target.query
    this.body = received.body
    this.now = received.now
  }

  /** Of the header lines as they were received: Node's own table joins or drops repeated ones. */
  header(name: string): string[] {
    const { rawHeaders } = this.#received.req
    const values: string[] = []
    for (let i = 0; i < rawHeaders.length; i += 2) {
      const candidate = rawHeaders[i] ?? ''
      if (candidate.length === name.length && candidate.toLowerCase() === name)
        values.push(rawHeaders[i + 1] ?? '')
    }
    return values
  }

  url(publicURL?: string): string | undefined {
    const { url, publicUrl } = this.#received
    if (publicURL === undefined) {
      const base = publicUrl()
      return base === undefined ? undefined : base.replace(/\/+$/, '') + url
    }
    const mark = url.indexOf('?')
    return joined(publicURL, this.rest) + (mark < 0 ? '' : url.slice(mark))
  }
}

const joined = (base: string, rest: string): string => (rest === '' ? base : base.replace(/\/+$/, '') + rest)
