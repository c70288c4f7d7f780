import { expect } from '@jest/globals'
import { maxCheckpoint } from '../../state/checkpoint.ts'
import type { RunRef } from '../../state/state.ts'
import { CheckpointTooLarge } from '../../state/state.ts'
import type { ContractTest } from './harness.ts'
import { callEvent, readEvent, readResume } from './harness.ts'

const partition = 3
const checkpoint = { frames: [{ task: '/do/0/größe', attempt: 1 }], context: null, text: '"\\\n\u0000' }

function runOf(epoch: number, runId = 'run'): RunRef {
  return { partition, runId, epoch }
}

/** Checkpoints, fencing, and runs that rest. */
export function describeRuns(check: ContractTest): void {
  check('who takes a run over learns how far it had come', async (harness) => {
    const runner = harness.runner('runner-a')
    expect(await runner.save(runOf(1, 'saved'), { stale: true })).toBe(true)
    expect(await runner.save(runOf(1, 'saved'), checkpoint)).toBe(true)
    expect(await runner.end(runOf(1, 'ended'))).toBe(true)
    const other = harness.runner('runner-b')
    const runs = [runOf(2, 'unknown'), runOf(2, 'saved'), runOf(2, 'ended')]
    const takeovers = [{ kind: 'new' }, { kind: 'checkpoint', checkpoint }, { kind: 'ended' }]
    expect(await other.takeOver(runs)).toEqual(takeovers)
    expect(await other.takeOver(runs)).toEqual(takeovers)
    expect(await other.takeOver([])).toEqual([])
  })

  check('who lost a run can not write to it', async (harness) => {
    const runner = harness.runner('runner-a')
    const other = harness.runner('runner-b')
    await runner.save(runOf(1), { by: 'a' })
    await other.takeOver([runOf(2), runOf(2, 'never saved')])
    for (const runId of ['run', 'never saved']) {
      expect(await runner.save(runOf(1, runId), { by: 'a' })).toBe(false)
      expect(await runner.park(runOf(1, runId), { by: 'a' }, 0)).toBe(false)
      expect(await runner.end(runOf(1, runId))).toBe(false)
      expect(await runner.takeOver([runOf(1, runId)])).toEqual([{ kind: 'fenced' }])
      expect(await other.save(runOf(2, runId), { by: 'b' })).toBe(true)
    }
    expect(await other.takeOver([runOf(3)])).toEqual([{ kind: 'checkpoint', checkpoint: { by: 'b' } }])
  })

  check('what an owner wrote before it tried again has no effect when it comes late', async (harness) => {
    const runner = harness.runner('runner-a')
    const again = runOf(1 + 1 / 1_024)
    expect(await runner.save(again, { by: 'second try' })).toBe(true)
    expect(await runner.save(runOf(1), { by: 'first try' })).toBe(false)
    expect(await runner.park(again, { by: 'second try' }, 0)).toBe(true)
    expect(await runner.save(runOf(1), { by: 'first try' })).toBe(false)
    // The next owner is above all tries of the one before.
    const resumed = await readResume(runner)
    expect(resumed).toMatchObject({ run: runOf(2), checkpoint: { by: 'second try' } })
    expect(await runner.save(again, { by: 'second try' })).toBe(false)
    expect(await runner.end(resumed.run)).toBe(true)
  })

  check('a checkpoint that is too large is refused, and changes nothing', async (harness) => {
    const runner = harness.runner('runner-a')
    await runner.save(runOf(1), { small: true })
    const large = { text: 'x'.repeat(maxCheckpoint) }
    await expect(runner.save(runOf(1), large)).rejects.toThrow(CheckpointTooLarge)
    await expect(runner.park(runOf(1), large, 0)).rejects.toThrow(CheckpointTooLarge)
    const kept = [{ kind: 'checkpoint', checkpoint: { small: true } }]
    expect(await harness.runner('runner-b').takeOver([runOf(2)])).toEqual(kept)
  })

  check('an ended run stays ended', async (harness) => {
    const runner = harness.runner('runner-a')
    await runner.save(runOf(1), checkpoint)
    expect(await runner.end(runOf(1))).toBe(true)
    expect(await runner.end(runOf(1))).toBe(true)
    expect(await runner.save(runOf(1), checkpoint)).toBe(false)
    expect(await runner.park(runOf(1), checkpoint, 0)).toBe(false)
    expect(await runner.takeOver([runOf(2)])).toEqual([{ kind: 'ended' }])
    expect(await runner.save(runOf(2), checkpoint)).toBe(false)
    expect(await runner.read({ count: 1, blockMs: 0 })).toEqual([])
  })

  check('an ended run is remembered after its event is forgotten', async (harness) => {
    const runner = harness.runner('runner-a')
    await harness.ingress('pod-a').admit({ partition, event: callEvent() })
    const delivery = await readEvent(runner)
    await runner.end(runOf(1))
    await runner.acknowledge([{ ...delivery, runs: ['run', 'unknown'] }])
    expect(await harness.runner('runner-b').takeOver([runOf(2)])).toEqual([{ kind: 'ended' }])
  })

  check('a parked run goes on after its delay, not before, once, with a raised epoch', async (harness) => {
    const runner = harness.runner('runner-a')
    expect(await runner.park(runOf(1), checkpoint, 3_000)).toBe(true)
    expect(await runner.read({ count: 1, blockMs: 0 })).toEqual([])
    await harness.advance(1_000)
    expect(await runner.read({ count: 1, blockMs: 0 })).toEqual([])
    await harness.advance(2_000)
    const other = harness.runner('runner-b')
    expect(await readResume(other)).toEqual({ kind: 'resume', run: runOf(2), checkpoint, attempts: 1 })
    expect(await runner.read({ count: 1, blockMs: 0 })).toEqual([])
    expect(await runner.save(runOf(1), checkpoint)).toBe(false)
    expect(await other.save(runOf(2), checkpoint)).toBe(true)
    expect(await other.end(runOf(2))).toBe(true)
    await other.close()
    expect(await runner.read({ count: 1, blockMs: 0 })).toEqual([])
  })

  check('a parked run wakes a reader that waits', async (harness) => {
    const runner = harness.runner('runner-a')
    await runner.park(runOf(1), checkpoint, 300)
    const reading = readResume(runner)
    await harness.advance(300)
    expect((await reading).run).toEqual(runOf(2))
  })

  check('a parked run may be parked again and again', async (harness) => {
    const runner = harness.runner('runner-a')
    await runner.park(runOf(1), { round: 1 }, 0)
    for (let epoch = 2; epoch < 6; epoch += 1) {
      expect(await readResume(runner)).toEqual({
        kind: 'resume',
        run: runOf(epoch),
        checkpoint: { round: epoch - 1 },
        attempts: 1,
      })
      expect(await runner.park(runOf(epoch), { round: epoch }, 20)).toBe(true)
      await harness.advance(20)
    }
  })

  for (const end of ['crash', 'close'] as const)
    check(`a parked run goes on elsewhere after the ${end} of its runner`, async (harness) => {
      const runner = harness.runner('runner-a')
      await runner.park(runOf(1), { saved: 1 }, 0)
      await readResume(runner)
      await runner.save(runOf(2), { saved: 2 })
      await (end === 'crash' ? harness.crash(runner) : runner.close())
      const other = harness.runner('runner-b')
      const reading = readResume(other)
      expect(await reading).toMatchObject({ kind: 'resume', run: runOf(3), checkpoint: { saved: 2 } })
      expect(await other.end(runOf(2))).toBe(false)
      expect(await other.end(runOf(3))).toBe(true)
    })

  check(
    'a parked run counts who died over it, and not who handed it over, until it comes further',
    async (harness) => {
      const runner = harness.runner('runner-a')
      await runner.park(runOf(1), { round: 1 }, 0)
      expect(await readResume(runner)).toMatchObject({ attempts: 1 })
      await harness.crash(runner)
      const second = harness.runner('runner-b')
      expect(await readResume(second)).toMatchObject({ attempts: 2 })
      await second.close()
      const third = harness.runner('runner-c')
      expect(await readResume(third)).toMatchObject({ run: runOf(4), attempts: 2 })
      await third.save(runOf(4), { round: 2 })
      await harness.crash(third)
      expect(await readResume(harness.runner('runner-d'))).toMatchObject({ run: runOf(5), attempts: 1 })
    },
  )

  check('a parked run that its runner abandons comes again, and counts', async (harness) => {
    const runner = harness.runner('runner-a')
    await runner.park(runOf(1), checkpoint, 0)
    runner.abandon(await readResume(runner))
    expect(await readResume(harness.runner('runner-b'))).toMatchObject({ run: runOf(3), attempts: 2 })
  })

  check('a parked run stays with its runner for as long as that lives', async (harness) => {
    const runner = harness.runner('runner-a')
    await runner.park(runOf(1), checkpoint, 0)
    await readResume(runner)
    await harness.advance(harness.lapseMs * 2)
    expect(await harness.runner('runner-b').read({ count: 1, blockMs: 0 })).toEqual([])
    expect(await runner.end(runOf(2))).toBe(true)
  })

  check('a parked run is left alone when its event comes again', async (harness) => {
    const runner = harness.runner('runner-a')
    await runner.park(runOf(1), checkpoint, 0)
    await runner.park(runOf(1, 'resting'), checkpoint, 60_000)
    await readResume(runner)
    const parked = { kind: 'parked' }
    const other = harness.runner('runner-b')
    expect(await other.takeOver([runOf(5), runOf(5, 'resting')])).toEqual([parked, parked])
    expect(await runner.save(runOf(2), checkpoint)).toBe(true)
    expect(await runner.end(runOf(2))).toBe(true)
    expect(await other.takeOver([runOf(6)])).toEqual([{ kind: 'ended' }])
  })

  check('a parked run that is ended does not come back', async (harness) => {
    const runner = harness.runner('runner-a')
    await runner.park(runOf(1), checkpoint, 100)
    expect(await runner.end(runOf(1))).toBe(true)
    await harness.advance(200)
    expect(await runner.read({ count: 1, blockMs: 0 })).toEqual([])
  })
}
