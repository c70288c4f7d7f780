import { SCENARIOS } from './scenarios.ts'
import type { Scenario } from './scenarios.ts'
import type { Round } from './wrk.ts'

/** A scenario under load, and what one connection alone waits for an answer, in milliseconds. */
export type Measured = Round & { alone: number }

/**
 * One scenario over all rounds; ratios are medians of the ratios within each round, in which the machine was
 * the same.
 */
export interface Row {
  scenario: string
  what: string
  perSecond: number
  toF0: number
  toF1: number
  p50: number
  p99: number
  p99ToF1: number
  cpu: number
  redisCpu: number
  runnerCpu: number
  busy: number
  alone: number
  aloneToF1: number
  failed: number
}

export function report(rounds: Record<string, Measured[]>): Row[] {
  return Object.entries(rounds).map(([scenario, own]) => {
    const ratio = (floor: string, of: (round: Measured) => number): number =>
      median(own.map((round, index) => of(round) / of(rounds[floor]?.[index] ?? round)))
    return {
      scenario,
      what: SCENARIOS[scenario as Scenario],
      perSecond: Math.round(median(own.map((round) => round.perSecond))),
      toF0: ratio('F0', (round) => round.perSecond),
      toF1: ratio('F1', (round) => round.perSecond),
      p50: median(own.map((round) => round.p50)),
      p99: median(own.map((round) => round.p99)),
      p99ToF1: ratio('F1', (round) => round.p99),
      cpu: median(own.map((round) => round.cpu)),
      redisCpu: median(own.map((round) => round.redisCpu)),
      runnerCpu: median(own.map((round) => round.runnerCpu)),
      busy: median(own.map((round) => round.busy)),
      alone: median(own.map((round) => round.alone)),
      aloneToF1: ratio('F1', (round) => round.alone),
      failed: Math.max(...own.map((round) => round.failed)),
    }
  })
}

export function formatReport(rows: Row[]): string {
  const header =
    'scenario      calls/s   / F0   / F1  p50 ms  p99 ms   / F1  CPU us  Redis us  runner us  busy  alone ms   / F1  failed'
  const lines = rows.map((row) =>
    [
      row.scenario.padEnd(12),
      String(row.perSecond).padStart(8),
      row.toF0.toFixed(2).padStart(6),
      row.toF1.toFixed(2).padStart(6),
      row.p50.toFixed(2).padStart(7),
      row.p99.toFixed(2).padStart(7),
      row.p99ToF1.toFixed(2).padStart(6),
      row.cpu.toFixed(1).padStart(7),
      row.redisCpu.toFixed(1).padStart(9),
      row.runnerCpu.toFixed(1).padStart(10),
      `${Math.round(row.busy * 100)} %`.padStart(5),
      row.alone.toFixed(3).padStart(9),
      row.aloneToF1.toFixed(2).padStart(6),
      String(row.failed).padStart(7),
      ` ${row.what}`,
    ].join(' '),
  )
  return `${header}\n${lines.join('\n')}\n`
}

function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length / 2
  return sorted.length % 2 === 1
    ? (sorted[Math.floor(middle)] ?? NaN)
    : ((sorted[middle - 1] ?? NaN) + (sorted[middle] ?? NaN)) / 2
}
