/** Metrics as Prometheus reads them. */
import type { Metric } from 'prom-client'
import { Registry } from 'prom-client'

/** The text of these metrics alone. */
export async function textOf(metrics: readonly Metric[]): Promise<string> {
  const registry = new Registry()
  for (const metric of metrics) registry.registerMetric(metric)
  return await registry.metrics()
}

/** The lines of a text that are samples. */
export function sampleLines(text: string): string[] {
  return text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
}

/** All samples of a text: `NAME{LABELS}` to its value. */
export function samplesIn(text: string): Map<string, number> {
  return new Map(
    sampleLines(text).map((line): [string, number] => {
      const at = line.lastIndexOf(' ')
      return [line.slice(0, at), Number(line.slice(at + 1))]
    }),
  )
}
