/**
 * Looks again and again until it is so. Rejects, with what `why` says, when that takes longer than a busy
 * machine may need.
 */
export async function until(
  isSo: () => Promise<boolean> | boolean,
  {
    withinMs = 15_000,
    everyMs = 20,
    why = () => `it did not come true in time: ${isSo.toString()}`,
  }: { withinMs?: number; everyMs?: number; why?: () => string | Promise<string> } = {},
): Promise<void> {
  const deadline = performance.now() + withinMs
  while (!(await isSo())) {
    if (performance.now() > deadline) throw new Error(await why())
    await new Promise((resolve) => setTimeout(resolve, everyMs))
  }
}
