/**
 * Takes over the process's signals; to be called once, by a main file. The result aborts on the first SIGTERM
 * or SIGINT; a second one ends the process at once.
 */
export function takeLifetime(process: NodeJS.Process): { stop: AbortSignal } {
  const stopping = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => {
      stopping.abort()
      process.once(signal, () => process.exit(130))
    })
  return { stop: stopping.signal }
}

/** Resolves when the signal aborts. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
