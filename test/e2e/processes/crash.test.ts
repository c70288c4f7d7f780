/** Processes and Redis die at any moment; what was answered 2xx is run to its end. */
import { afterEach, expect, jest, test } from '@jest/globals'
import { connectRaw } from '../../ingress/raw.ts'
import { hook, startEffectServer, startFleet, WIDE } from './fleet.ts'
import type { EffectServer, Fleet } from './fleet.ts'

// Dead processes lapse after two seconds, and Redis comes back from its file.
jest.setTimeout(60_000)

const cleanup: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const undo of cleanup.splice(0).toReversed()) await undo()
})

const SAFE = ['--appendonly', 'yes', '--appendfsync', 'always']

async function stage(
  counts: { ingress: number; runners: number },
  more: {
    effectMs?: number
    redisArgs?: string[]
    /** The run answers the caller: before its effects, or between them. */
    replies?: 'first' | 'between'
    /** Effects take until they are released. */
    held?: boolean
  } = {},
): Promise<{ fleet: Fleet; server: EffectServer }> {
  const server = await startEffectServer(more.effectMs, { held: more.held ?? false })
  cleanup.push(() => server.close())
  const effect = (step: string): object => ({
    call: 'http',
    with: { method: 'post', endpoint: `${server.url}/${step}`, body: { n: '${ $workflow.input.body.n }' } },
  })
  const answer = { answer: { call: 'reply', with: { body: '${ {n: $workflow.input.body.n} }' } } }
  const fleet = await startFleet({
    ...counts,
    ...(more.redisArgs ? { redisArgs: more.redisArgs } : {}),
    manifests: hook('job', { limits: WIDE, ...(more.replies ? { response: { mode: 'Reply' } } : {}) }, [
      ...(more.replies === 'first' ? [answer] : []),
      { first: effect('first') },
      ...(more.replies === 'between' ? [answer] : []),
      { second: effect('second') },
    ]),
  })
  cleanup.push(() => fleet.close())
  return { fleet, server }
}

/**
 * Calls until `until` resolves, a few at a time; resolves to the numbers of the calls that were answered 2xx,
 * and every other answer.
 */
async function load(
  fleet: Fleet,
  until: Promise<unknown>,
): Promise<{ accepted: number[]; refused: { status: number; retryAfter: string | null }[] }> {
  const over = new AbortController()
  void until.finally(() => over.abort())
  let next = 0
  const accepted: number[] = []
  const refused: { status: number; retryAfter: string | null }[] = []
  const caller = async (): Promise<void> => {
    while (!over.signal.aborted) {
      const n = next++
      try {
        const { status, headers } = await fleet.call('job', { n }, n)
        if (status === 200) accepted.push(n)
        else refused.push({ status, retryAfter: headers.get('retry-after') })
      } catch {
        refused.push({ status: 0, retryAfter: null })
      }
    }
  }
  await Promise.all(Array.from({ length: 8 }, caller))
  return { accepted, refused }
}

/** Each call had both effects; of a call's effects at most one came twice, and then under the same key. */
function expectEffects({ effects }: EffectServer, calls: number[]): void {
  const byCall = new Map<number, Map<string, string[]>>()
  for (const { n, step, key } of effects) {
    const steps = byCall.get(n) ?? new Map<string, string[]>()
    byCall.set(n, steps.set(step, [...(steps.get(step) ?? []), key]))
  }
  for (const n of calls) {
    const steps = byCall.get(n) ?? new Map<string, string[]>()
    expect([n, ...steps.keys()]).toEqual([n, 'first', 'second'])
    const repeated = [...steps.values()].filter((keys) => keys.length > 1)
    expect(repeated.length).toBeLessThanOrEqual(1)
    for (const keys of steps.values()) expect(new Set(keys).size).toBe(1)
  }
}

/**
 * A caller who keeps his connection: what he was answered, and whether anything came that he did not ask for.
 */
async function callOnce(
  fleet: Fleet,
  n: number,
): Promise<{ n: number; status: string; finish(): Promise<string[]> }> {
  const { host, port } = new URL(fleet.ingress[n % fleet.ingress.length]?.url ?? '')
  const connection = await connectRaw(Number(port))
  cleanup.push(async () => connection.destroy())
  const body = JSON.stringify({ n })
  const request = (path: string): string =>
    `POST ${path} HTTP/1.1\r\nHost: ${host}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`
  connection.write(request(fleet.pathOf('job')))
  const answer = await connection.until(/\r\n\r\n.*\}/s)
  const status = answer.slice(9, 12)
  if (status === '200') expect(answer.slice(answer.indexOf('\r\n\r\n') + 4)).toBe(JSON.stringify({ n }))
  return {
    n,
    status,
    // What comes now is the answer to this, unless an answer came twice.
    async finish() {
      connection.write(request('/nothing'))
      const all = await connection.until(/ 404 Not Found\r\n/)
      return [...all.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, code]) => code ?? '')
    },
  }
}

const sequence = (length: number): number[] => Array.from({ length }, (_, n) => n)

test('kill -9 of a runner in the middle of 500 runs', async () => {
  const { fleet, server } = await stage({ ingress: 1, runners: 2 }, { effectMs: 20 })
  const answers = await Promise.all(sequence(500).map((n) => fleet.call('job', { n }, n)))
  expect(answers.filter(({ status }) => status !== 200)).toEqual([])
  await server.reached('second', 100)
  await fleet.runners[0]?.kill()
  await server.reached('second', 500)
  expectEffects(server, sequence(500))
  expect(fleet.runners[1]?.alive()).toBe(true)
})

test('kill -9 of an ingress under load', async () => {
  const { fleet, server } = await stage({ ingress: 3, runners: 1 })
  const killed = server.reached('first', 100).then(() => fleet.ingress[0]?.kill())
  const { accepted, refused } = await load(
    fleet,
    killed.then(() => server.reached('first', 300)),
  )
  await server.reached('second', accepted)
  expectEffects(server, accepted)
  // Nobody but the dead one refused.
  expect(refused.filter(({ status }) => status !== 0)).toEqual([])
})

test('kill -9 of Redis under load, with appendfsync always', async () => {
  const { fleet, server } = await stage({ ingress: 2, runners: 2 }, { redisArgs: SAFE })
  const readiness = async (): Promise<number> => (await fetch(`${fleet.ingress[0]?.probes}/readyz`)).status
  const becomes = async (status: number): Promise<void> => {
    while ((await readiness()) !== status);
  }
  const outage = async (): Promise<void> => {
    await server.reached('second', 100)
    await fleet.redis.kill()
    await becomes(503)
    await fleet.redis.start()
    await becomes(200)
    await server.reached('second', 300)
  }
  const { accepted, refused } = await load(fleet, outage())
  await server.reached('second', accepted)
  expectEffects(server, accepted)
  expect(refused.length).toBeGreaterThan(0)
  // That it takes them no second is told by the process's own clock, in test/state/redis-failures.test.ts.
  for (const { status, retryAfter } of refused) {
    expect(status).toBe(503)
    expect(retryAfter).toMatch(/^\d+$/)
  }
  expect([...fleet.ingress, ...fleet.runners].map((member) => member.alive())).toEqual([
    true,
    true,
    true,
    true,
  ])
})

test('kill -9 of a runner between replies and the rest of their runs: each caller is answered once', async () => {
  const { fleet, server } = await stage({ ingress: 3, runners: 2 }, { effectMs: 20, replies: 'first' })
  const calling = Promise.all(sequence(200).map((n) => callOnce(fleet, n)))
  await server.reached('first', 60)
  await fleet.runners[0]?.kill()
  const callers = await calling
  await server.reached('second', 200)
  expectEffects(server, sequence(200))
  expect(callers.filter(({ status }) => status !== '200')).toEqual([])
  for (const { finish } of callers) expect(await finish()).toEqual(['200', '404'])
})

test('kill -9 of Redis while callers wait: who was accepted gets his own answer, and everybody one', async () => {
  const { fleet, server } = await stage(
    { ingress: 2, runners: 2 },
    { replies: 'between', held: true, redisArgs: SAFE },
  )
  const early = sequence(200)
  const calling = early.map((n) => callOnce(fleet, n))
  // Accepted, and within its first task: none has its answer yet.
  await server.reached('first', early)
  const late = sequence(50).map((n) => callOnce(fleet, 200 + n))
  await fleet.redis.kill()
  await fleet.redis.start()
  server.release()
  const callers = await Promise.all([...calling, ...late])
  const statuses = callers.map(({ status }) => status)
  expect(statuses.slice(0, early.length)).toEqual(early.map(() => '200'))
  expect(statuses.filter((status) => status !== '200' && status !== '503')).toEqual([])
  const answered = callers.filter(({ status }) => status === '200').map(({ n }) => n)
  await server.reached('second', answered)
  expectEffects(server, answered)
  for (const { status, finish } of callers) expect(await finish()).toEqual([status, '404'])
})

test('kill -9 of Redis while both Workflows of a webhook are at work: each goes on, and nothing of them is repeated', async () => {
  const server = await startEffectServer(0, { held: true })
  cleanup.push(() => server.close())
  const effect = (step: string): object => ({
    [step]: {
      call: 'http',
      with: { method: 'post', endpoint: `${server.url}/${step}`, body: { n: '${ $workflow.input.body.n }' } },
    },
  })
  const [webhook, workflow] = hook('job', { limits: WIDE }, [effect('first'), effect('second')]) as [
    object,
    object,
  ]
  const other = {
    ...workflow,
    metadata: { name: 'other' },
    spec: { triggers: [{ webhook: 'job' }], do: [effect('third')] },
  }
  const fleet = await startFleet({
    ingress: 1,
    runners: 1,
    manifests: [webhook, workflow, other],
    redisArgs: SAFE,
    // Nobody is taken for dead here.
    env: { HOOKLET_LAPSE_SECONDS: '60' },
  })
  cleanup.push(() => fleet.close())
  const calls = sequence(20)
  const answers = await Promise.all(calls.map((n) => fleet.call('job', { n }, n)))
  expect(answers.filter(({ status }) => status !== 200)).toEqual([])
  await Promise.all([server.reached('first', calls), server.reached('third', calls)])
  await fleet.redis.kill()
  // What the runs would store now they can't.
  server.release()
  while ((await fetch(`${fleet.runners[0]?.url}/readyz`)).status !== 503);
  await fleet.redis.start()
  await fleet.runners[0]?.logged('Run completed', 40)
  const had = server.effects.map(({ n, step }) => `${step} ${n}`)
  const wanted = ['first', 'second', 'third'].flatMap((step) => calls.map((n) => `${step} ${n}`))
  expect(had.toSorted()).toEqual(wanted.toSorted())
})

test('SIGTERM of an ingress and a runner under load fails no call and loses no run', async () => {
  const { fleet, server } = await stage({ ingress: 2, runners: 2 }, { effectMs: 10 })
  const [leaving, staying] = fleet.ingress
  const ready = new Set([leaving, staying])
  // What a load balancer does: it looks at readiness, and sends nothing more to who is not ready.
  const balance = async (over: AbortSignal): Promise<void> => {
    while (!over.aborted)
      for (const member of ready)
        if (
          !(await fetch(`${member?.probes}/readyz`).then(
            ({ ok }) => ok,
            () => false,
          ))
        )
          ready.delete(member)
  }
  const over = new AbortController()
  const balancing = balance(over.signal)
  const codes: (number | null | undefined)[] = []
  const accepted: number[] = []
  const failed: unknown[] = []
  let next = 0
  const caller = async (): Promise<void> => {
    while (!over.signal.aborted) {
      const n = next++
      const [member] = [...ready].slice(n % ready.size)
      try {
        const { status } = await fetch(`${member?.url}${fleet.pathOf('job')}`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ n }),
        })
        if (status === 200) accepted.push(n)
        else failed.push(status)
      } catch (error) {
        failed.push(error)
      }
    }
  }
  const calling = Promise.all(Array.from({ length: 4 }, caller))
  await server.reached('second', 50)
  codes.push(...(await Promise.all([leaving?.stop(), fleet.runners[0]?.stop()])))
  await server.reached('second', 200)
  over.abort()
  await Promise.all([calling, balancing])
  expect(codes).toEqual([0, 0])
  expect(failed).toEqual([])
  await server.reached('second', accepted)
  expectEffects(server, accepted)
})
