/** The trace that a call belongs to: W3C Trace Context. */

/** The members of `traceparent` in version 00; a later version begins with the same ones (4.3 there). */
const form = /^(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(?:$|-)/

/** Longer lists of vendors may be dropped (3.3.1.5 there). */
const longestState = 512

export interface TraceContext {
  /** 32 hex digits. */
  traceId: string
  /** Two hex digits. */
  flags: string
  /** `tracestate`, passed on as it is. */
  state?: string
}

/**
 * What the headers, with names in lower case, say; undefined when they name no trace in the form of the
 * standard.
 */
export function readTrace(headers: Record<string, string>): TraceContext | undefined {
  const given = headers['traceparent']
  if (given === undefined) return undefined
  const [, version, traceId, , flags] = form.exec(given) ?? []
  if (traceId === undefined || flags === undefined || (version === '00' && given.length !== 55))
    return undefined
  const state = headers['tracestate']
  return state !== undefined && state.length <= longestState ? { traceId, flags, state } : { traceId, flags }
}

/**
 * `traceparent` of a request that is made on behalf of the trace by a part of it; `spanId` has 16 hex digits.
 */
export function traceparent({ traceId, flags }: TraceContext, spanId: string): string {
  return `00-${traceId}-${spanId}-${flags}`
}
