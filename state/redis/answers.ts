import { isSocketId, partitionOfReply } from '../reply-id.ts'
import type { Connection } from './connection.ts'
import type { Keys } from './keys.ts'
import { shortId } from './keys.ts'
import type { Scripts } from './script.ts'
import { separately } from './separately.ts'

/**
 * What the channel of a pod says: answers to its callers, and messages to its WebSockets. The answers that one
 * script gives are one publication, which Redis keeps by the id of the first of them until it is known to have
 * come: a publication reaches nobody while the connection is lost.
 */
export interface Answers {
  /** Something was published. */
  heard(publication: string): void
  /** Redis need not keep what was heard. */
  forget(): Promise<void>
  /** Asks these partitions for what was not. */
  fetch(partitions: Iterable<number>): Promise<void>
}

export interface AnswersDeps {
  channel: string
  keys: Keys
  scripts: Scripts
  connection: Pick<Connection, 'run'>
  deliver: (id: string, json: string) => void
}

/** How many publications one script forgets or gives, so that none holds Redis up. */
const batch = 50

export function createAnswers({ channel, keys, scripts, connection, deliver }: AnswersDeps): Answers {
  /** By which ids Redis keeps what was heard, by partition. */
  let kept = new Map<number, string[]>()

  function heard(publication: string): void {
    const lines = publication.split('\n')
    const [first = ''] = lines
    const partition = isSocketId(first) ? undefined : partitionOfReply(shortId(first))
    if (partition !== undefined) {
      const others = kept.get(partition)
      if (others === undefined) kept.set(partition, [first])
      else others.push(first)
    }
    for (let line = 0; line + 1 < lines.length; line += 2)
      deliver(shortId(lines[line] ?? ''), lines[line + 1] ?? '')
  }

  /** Forgets some; the rest that there is, or the beginning of it, when it is asked for. */
  async function forgetSome(partition: number, ids: string[], most: number): Promise<string[]> {
    const names = [keys.answers(partition, channel)]
    return (await connection.run(scripts['fetch-answers'], names, [most, ...ids])) as string[]
  }

  async function forget(): Promise<void> {
    const done = kept
    kept = new Map()
    await separately(done, async ([partition, ids]) => {
      for (let from = 0; from < ids.length; from += batch)
        await forgetSome(partition, ids.slice(from, from + batch), 0)
    })
  }

  return {
    heard,
    forget,
    fetch: (partitions) =>
      separately(partitions, async (partition) => {
        for (let isMore = true; isMore;) {
          // What is forgotten is not given. Should that fail, it is given another time, and forgotten then.
          const ids = kept.get(partition)?.splice(0, batch) ?? []
          const missed = await forgetSome(partition, ids, ids.length < batch ? batch : 0)
          for (const publication of missed) heard(publication)
          isMore = Math.max(ids.length, missed.length) === batch
        }
      }),
  }
}
