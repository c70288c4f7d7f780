import type { ServerResponse } from 'node:http'

/** How many calls to webhooks are under way, and how those that are over were answered. WebSockets are counted elsewhere. */
export interface Activity {
  readonly inFlight: number
  /** Calls by the status of their answer. Those whose caller left before it are in none. */
  readonly answers: ReadonlyMap<number, number>
  /** Counts the call that is answered by `res`. */
  follow(res: ServerResponse): void
}

export function createActivity(): Activity {
  let inFlight = 0
  const answers = new Map<number, number>()

  function ended(this: ServerResponse): void {
    inFlight -= 1
    if (this.headersSent) answers.set(this.statusCode, (answers.get(this.statusCode) ?? 0) + 1)
  }

  return {
    get inFlight() {
      return inFlight
    },
    answers,
    follow(res) {
      inFlight += 1
      res.once('close', ended)
    },
  }
}
