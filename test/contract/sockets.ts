import { randomUUID } from 'node:crypto'
import { expect } from '@jest/globals'
import type { CallEvent } from '../../state/event.ts'
import { socketIdOf } from '../../state/reply-id.ts'
import type { IngressState, RunnerState, SocketMessage, SocketRef } from '../../state/state.ts'
import { StateUnavailable } from '../../state/state.ts'
import type { ContractTest, StateHarness } from './harness.ts'
import { callEvent, readEvent, readEvents } from './harness.ts'

const partition = 3
export const wide = { key: 'orders', requests: 1_000, windowMs: 60_000 }

export function newSocket(): SocketRef {
  return { partition, id: socketIdOf(partition, randomUUID()), places: 'shop/orders' }
}

export function socketEvent(
  socket: SocketRef,
  type: CallEvent['type'],
  part: Partial<CallEvent> = {},
): CallEvent {
  return callEvent({ type, method: 'get', body: Buffer.alloc(0), socket: { id: socket.id }, ...part })
}

export function messageOf(socket: SocketRef, text: string): CallEvent {
  return socketEvent(socket, 'message', { body: Buffer.from(text) })
}

export function disconnectOf(socket: SocketRef, statusCode = 1000): CallEvent {
  return socketEvent(socket, 'disconnect', { socket: { id: socket.id, end: { statusCode, reason: 'bye' } } })
}

export const text = (said: string): SocketMessage => ({ data: { text: said } })

/** What reaches a pod for its connections. */
export function ears(ingress: IngressState) {
  const heard: { id: string; message: SocketMessage }[] = []
  const lapsed: string[] = []
  const watchers = new Set<() => void>()
  const tell = () => {
    for (const watcher of watchers) watcher()
  }
  ingress.onSocket({
    message(id, message) {
      heard.push({ id, message })
      tell()
    },
    lapsed(id) {
      lapsed.push(id)
      tell()
    },
  })
  return {
    heard,
    lapsed,
    until: (done: () => boolean) =>
      new Promise<void>((resolve) => {
        const watch = () => {
          if (!done()) return
          watchers.delete(watch)
          resolve()
        }
        watchers.add(watch)
        watch()
      }),
  }
}

/** WebSockets: their limits, the order of their events, messages to them, and their end. */
export function describeSockets(check: ContractTest): void {
  const start = (harness: StateHarness): { ingress: IngressState; runner: RunnerState } => ({
    ingress: harness.ingress('pod-a'),
    runner: harness.runner('runner-a'),
  })
  const open = async (ingress: IngressState, socket = newSocket(), limit = 100): Promise<SocketRef> => {
    const event = socketEvent(socket, 'connect')
    expect(await ingress.connect(socket, { throttle: wide, limit, event })).toEqual({ kind: 'accepted' })
    return socket
  }
  const say = (ingress: IngressState, socket: SocketRef, said: string) =>
    ingress.receive(socket, { throttle: wide, event: messageOf(socket, said) })

  check(
    'L33 the opening and each message of a client count against the rate, messages to it do not',
    async (harness) => {
      const { ingress, runner } = start(harness)
      const socket = newSocket()
      const throttle = { key: 'tight', requests: 3, windowMs: 60_000 }
      const event = socketEvent(socket, 'connect')
      expect(await ingress.connect(socket, { throttle, limit: 9, event })).toEqual({ kind: 'accepted' })
      const address = { replyId: socket.id, namespace: 'shop' }
      for (let each = 0; each < 5; each += 1) expect(await runner.send(address, text('hi'))).toBe('sent')
      const verdicts = []
      for (let each = 0; each < 3; each += 1)
        verdicts.push(await ingress.receive(socket, { throttle, event: messageOf(socket, 'x') }))
      expect(verdicts.map(({ kind }) => kind)).toEqual(['accepted', 'accepted', 'throttled'])
      const other = newSocket()
      const opening = { throttle, limit: 9, event: socketEvent(other, 'connect') }
      expect(await ingress.connect(other, opening)).toMatchObject({ kind: 'throttled' })
    },
  )

  check('L36 connections and waiting calls share the places of a webhook, over all pods', async (harness) => {
    const { ingress } = start(harness)
    const pod = harness.ingress('pod-b')
    const first = await open(ingress, newSocket(), 2)
    const lease = { key: 'shop/orders', id: 'call', limit: 2 }
    expect(await pod.admit({ partition, lease })).toEqual({ kind: 'accepted' })
    const third = newSocket()
    const opening = { throttle: wide, limit: 2, event: socketEvent(third, 'connect') }
    expect(await pod.connect(third, opening)).toEqual({ kind: 'crowded' })
    await ingress.disconnect(first, disconnectOf(first))
    expect(await pod.connect(third, opening)).toEqual({ kind: 'accepted' })
  })

  check.within({ backlog: 2 })(
    'a connection is refused, with its place, when the backlog is full; its end is stored nevertheless',
    async (harness) => {
      const { ingress, runner } = start(harness)
      const socket = await open(ingress, newSocket(), 1)
      expect(await say(ingress, socket, 'one')).toEqual({ kind: 'accepted' })
      expect(await say(ingress, socket, 'two')).toEqual({ kind: 'backlogged' })
      await ingress.disconnect(socket, disconnectOf(socket))
      const second = newSocket()
      const opening = { throttle: wide, limit: 1, event: socketEvent(second, 'connect') }
      const types = []
      for (let each = 0; each < 3; each += 1) {
        const delivery = await readEvent(runner)
        types.push(delivery.event.type)
        await runner.acknowledge([delivery])
      }
      expect(types).toEqual(['connect', 'message', 'disconnect'])
      expect(await ingress.connect(second, opening)).toEqual({ kind: 'accepted' })
    },
  )

  check(
    'a connection whose runs are 1,000 events behind is refused more, others are not',
    async (harness) => {
      const { ingress } = start(harness)
      const [socket, other] = [await open(ingress), await open(ingress)]
      const throttle = { key: 'loose', requests: 10_000, windowMs: 60_000 }
      const verdicts = await Promise.all(
        Array.from({ length: 1_003 }, () =>
          ingress.receive(socket, { throttle, event: messageOf(socket, 'x') }),
        ),
      )
      expect(verdicts.filter(({ kind }) => kind === 'accepted')).toHaveLength(1_000)
      expect(verdicts.filter(({ kind }) => kind === 'backlogged')).toHaveLength(3)
      expect(await say(ingress, other, 'x')).toEqual({ kind: 'accepted' })
    },
  )

  check('a connection keeps its place for as long as its pod lives', async (harness) => {
    const { ingress } = start(harness)
    await open(ingress, newSocket(), 1)
    await harness.advance(3 * harness.lapseMs)
    const second = newSocket()
    const opening = { throttle: wide, limit: 1, event: socketEvent(second, 'connect') }
    expect(await ingress.connect(second, opening)).toEqual({ kind: 'crowded' })
  })

  check(
    'the events of a connection go to runners one after the other, each when the one before is done',
    async (harness) => {
      const { ingress, runner } = start(harness)
      const other = harness.runner('runner-b')
      const socket = await open(ingress)
      for (let each = 1; each <= 20; each += 1) await say(ingress, socket, String(each))
      await ingress.disconnect(socket, disconnectOf(socket))
      const seen: string[] = []
      for (let each = 0; each <= 21; each += 1) {
        const [hand, idle] = each % 2 ? [runner, other] : [other, runner]
        const delivery = await readEvent(hand)
        expect(await idle.read({ count: 10, blockMs: 0 })).toEqual([])
        seen.push(delivery.event.type === 'message' ? delivery.event.body.toString() : delivery.event.type)
        await hand.acknowledge([delivery])
      }
      const numbers = Array.from({ length: 20 }, (_, each) => String(each + 1))
      expect(seen).toEqual(['connect', ...numbers, 'disconnect'])
    },
  )

  check(
    'a reader who waits gets the next event of a connection when the one before is done',
    async (harness) => {
      const { ingress, runner } = start(harness)
      const other = harness.runner('runner-b')
      const socket = await open(ingress)
      const first = await readEvent(runner)
      await say(ingress, socket, 'next')
      const reading = readEvent(other)
      await runner.acknowledge([first])
      expect((await reading).event.body.toString()).toBe('next')
    },
  )

  check('the events of connections do not wait for each other', async (harness) => {
    const { ingress, runner } = start(harness)
    for (let each = 0; each < 5; each += 1) await say(ingress, await open(ingress), 'later')
    const deliveries = await readEvents(runner, 5)
    expect(deliveries.map(({ event }) => event.type)).toEqual(Array.from({ length: 5 }, () => 'connect'))
  })

  check('the event of a connection whose runner dies comes again before those behind it', async (harness) => {
    const { ingress, runner } = start(harness)
    const socket = await open(ingress)
    await say(ingress, socket, 'second')
    const first = await readEvent(runner)
    await harness.crash(runner)
    const heir = harness.runner('runner-b')
    const again = await readEvent(heir)
    expect(again).toMatchObject({ deliveries: 2, event: { id: first.event.id } })
    await heir.acknowledge([again])
    expect((await readEvent(heir)).event.body.toString()).toBe('second')
  })

  check('an event of a connection that is put aside lets those behind it pass', async (harness) => {
    const { ingress, runner } = start(harness)
    const socket = await open(ingress)
    await say(ingress, socket, 'poison')
    await say(ingress, socket, 'next')
    await runner.deadLetter(await readEvent(runner), 'a fault')
    for (let deliveries = 1; deliveries <= 5; deliveries += 1) {
      const reader = harness.runner(`runner-${deliveries}`)
      if (deliveries === 1) await runner.close()
      expect(await readEvent(reader)).toMatchObject({ deliveries, event: { type: 'message' } })
      await harness.crash(reader)
    }
    expect((await readEvent(harness.runner('runner-last'))).event.body.toString()).toBe('next')
  })

  check('bytes of a message of a connection arrive as they were received', async (harness) => {
    const { ingress, runner } = start(harness)
    const socket = await open(ingress)
    const body = Buffer.from([0, 255, 254, 10, 13, 128, 0])
    const event = socketEvent(socket, 'message', { body, socket: { id: socket.id, binary: 'hex' } })
    await ingress.receive(socket, { throttle: wide, event })
    await runner.acknowledge([await readEvent(runner)])
    expect((await readEvent(runner)).event).toEqual(event)
  })

  check(
    'L15 any number of messages to a connection reach the pod that holds it, in order, from any runner',
    async (harness) => {
      const { ingress, runner } = start(harness)
      const runners = [runner, harness.runner('runner-b')]
      const pods = [ingress, harness.ingress('pod-b')]
      const [near, far] = pods.map(ears)
      const socket = await open(pods[1] ?? ingress)
      const address = { replyId: socket.id, namespace: 'shop' }
      for (let each = 0; each < 50; each += 1)
        expect(await runners[each % 2]?.send(address, text(String(each)))).toBe('sent')
      const last: SocketMessage = { data: { base64: 'AP8=' }, close: { code: 4000, reason: 'ö\n' } }
      expect(await runner.send(address, last)).toBe('sent')
      await far?.until(() => far.heard.length === 51)
      const messages = Array.from({ length: 50 }, (_, each) => text(String(each)))
      expect(far?.heard).toEqual([...messages, last].map((message) => ({ id: socket.id, message })))
      expect(near?.heard).toEqual([])
    },
  )

  check('messages to a connection that are sent at once keep their order, too', async (harness) => {
    const { ingress, runner } = start(harness)
    const pod = ears(ingress)
    const socket = await open(ingress)
    const address = { replyId: socket.id, namespace: 'shop' }
    await Promise.all(Array.from({ length: 100 }, (_, each) => runner.send(address, text(String(each)))))
    await pod.until(() => pod.heard.length === 100)
    expect(pod.heard.map(({ message }) => message)).toEqual(
      Array.from({ length: 100 }, (_, each) => text(String(each))),
    )
  })

  check('a connection that is unknown, over, of another tenant or none at all is gone', async (harness) => {
    const { ingress, runner } = start(harness)
    const socket = await open(ingress)
    expect(await runner.send({ replyId: socket.id, namespace: 'other' }, text('x'))).toBe('gone')
    for (const replyId of [newSocket().id, `9.ws-${randomUUID()}`, '3.unknown', 'nothing', ''])
      expect(await runner.send({ replyId, namespace: 'shop' }, text('x'))).toBe('gone')
    await ingress.disconnect(socket, disconnectOf(socket))
    expect(await runner.send({ replyId: socket.id, namespace: 'shop' }, text('x'))).toBe('gone')
  })

  check('the end of a connection is recorded once, with its place given back', async (harness) => {
    const { ingress, runner } = start(harness)
    const socket = await open(ingress, newSocket(), 1)
    const end = disconnectOf(socket, 4001)
    await ingress.disconnect(socket, end)
    await ingress.disconnect(socket, disconnectOf(socket))
    expect(await say(ingress, socket, 'late')).toEqual({ kind: 'gone' })
    await runner.acknowledge([await readEvent(runner)])
    const delivery = await readEvent(runner)
    expect(delivery.event).toEqual(end)
    await runner.acknowledge([delivery])
    expect(await runner.read({ count: 10, blockMs: 0 })).toEqual([])
    await open(ingress, newSocket(), 1)
  })

  check(
    'the end of the connections of a pod that dies is recorded exactly once, as abnormal, behind their messages',
    async (harness) => {
      const { ingress, runner } = start(harness)
      const other = harness.runner('runner-b')
      const sockets = await Promise.all(Array.from({ length: 10 }, () => open(ingress, newSocket(), 10)))
      for (const socket of sockets) await say(ingress, socket, 'last words')
      await harness.crash(ingress)
      const events: CallEvent[] = []
      while (events.length < 30)
        for (const reader of [runner, other]) {
          const deliveries = await reader.read({ count: 10, blockMs: 0 })
          for (const delivery of deliveries) if (delivery.kind === 'event') events.push(delivery.event)
          await reader.acknowledge(deliveries.filter((delivery) => delivery.kind === 'event'))
          if (deliveries.length === 0) await harness.advance(harness.lapseMs / 4)
        }
      for (const socket of sockets) {
        const own = events.filter((event) => event.socket?.id === socket.id)
        expect(own.map(({ type }) => type)).toEqual(['connect', 'message', 'disconnect'])
        const [connect, , end] = own
        expect(end).toEqual({
          ...connect,
          id: expect.any(String),
          time: expect.any(String),
          type: 'disconnect',
          socket: { id: socket.id, end: { statusCode: 1006, reason: '' } },
        })
        expect(end?.id).not.toBe(connect?.id)
      }
      await harness.advance(harness.lapseMs)
      expect(await runner.read({ count: 10, blockMs: 0 })).toEqual([])
      expect(await other.read({ count: 10, blockMs: 0 })).toEqual([])
      const pod = harness.ingress('pod-b')
      await open(pod, newSocket(), 1)
    },
  )

  check('of connections everything is unavailable after close', async (harness) => {
    const { ingress, runner } = start(harness)
    const socket = newSocket()
    await ingress.close()
    await runner.close()
    const event = socketEvent(socket, 'connect')
    const attempts = [
      ingress.connect(socket, { throttle: wide, limit: 1, event }),
      ingress.receive(socket, { throttle: wide, event }),
      runner.send({ replyId: socket.id, namespace: 'shop' }, text('x')),
    ]
    for (const attempt of await Promise.allSettled(attempts))
      expect(attempt).toMatchObject({ status: 'rejected', reason: expect.any(StateUnavailable) })
    await ingress.disconnect(socket, disconnectOf(socket))
  })
}
