/**
 * The state of any number of processes, kept in Redis or Valkey. `docs/state.md` says what is promised and
 * what is stored.
 */
import type { IngressState, RunnerState } from '../state.ts'
import type { Connection } from './connection.ts'
import { connect } from './connection.ts'
import { createIngressState } from './ingress.ts'
import { createKeys } from './keys.ts'
import type { RedisStateOptions } from './options.ts'
import { settingsOf } from './options.ts'
import { createRunnerState } from './runner.ts'
import { loadScripts } from './script.ts'
import { parseRedisUrl } from './url.ts'

export type { RedisStateOptions }

export interface RedisState {
  /**
   * The state as an ingress sees it, on connections of its own. `podId` is unique among all that are running.
   */
  ingress(podId: string): IngressState
  /**
   * The state as a runner sees it, on connections of its own. `consumerId` is unique among all that are
   * running and were not long ago.
   */
  runner(consumerId: string): RunnerState
  close(): Promise<void>
}

/** Throws when the URL has none of its forms. Redis need not be there yet. */
export function createRedisState(options: RedisStateOptions): RedisState {
  const settings = settingsOf(options)
  const target = parseRedisUrl(options.url)
  const keys = createKeys(settings.prefix)
  const scripts = loadScripts()
  const opened: { close(): Promise<void> }[] = []

  const { tls, natMap } = options
  const cluster = target.kind === 'cluster'
  const connecting = (channel: string, onMessage: (message: string) => void): Connection =>
    connect(
      {
        ...settings,
        target,
        scripts,
        installation: { key: keys.installation(), name: settings.installation },
        ...(tls === undefined ? {} : { tls }),
        ...(natMap === undefined ? {} : { natMap }),
      },
      channel,
      onMessage,
    )

  function opening<T extends { close(): Promise<void> }>(state: T): T {
    opened.push(state)
    return state
  }

  return {
    ingress: (pod) =>
      opening(createIngressState({ pod, cluster, keys, scripts, settings, connect: connecting })),
    runner: (consumer) =>
      opening(
        createRunnerState({
          consumer,
          cluster,
          keys,
          scripts,
          settings,
          connect: connecting,
        }),
      ),
    async close() {
      await Promise.all(opened.splice(0).map((state) => state.close()))
    },
  }
}
