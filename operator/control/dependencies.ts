import { createDependencyIndex, referenceKey, type Reference } from '../references.ts'

/**
 * Who was compiled from what. Never forgets a change, also not one that comes while something is compiled
 * from it.
 */
export interface Dependencies {
  /**
   * Compiles, and remembers what was read. `changed` tells that something of it changed meanwhile: compile
   * again.
   */
  track<Compiled extends { references: Reference[] }>(
    dependent: string,
    compile: () => Promise<Compiled>,
  ): Promise<{ compiled: Compiled; changed: boolean }>
  forget(dependent: string): void
  /** Notes the change and tells whom it concerns. */
  changed(references: Reference[]): string[]
  isRead(reference: Reference): boolean
}

export function createDependencies(): Dependencies {
  const index = createDependencyIndex()
  /** For each compilation under way, what changed since it began. */
  const underWay = new Set<Set<string>>()
  return {
    async track(dependent, compile) {
      const missed = new Set<string>()
      underWay.add(missed)
      try {
        const compiled = await compile()
        index.set(dependent, compiled.references)
        const changed =
          missed.size > 0 && compiled.references.some((reference) => missed.has(referenceKey(reference)))
        return { compiled, changed }
      } finally {
        underWay.delete(missed)
      }
    },
    forget: (dependent) => index.set(dependent, []),
    changed(references) {
      if (underWay.size > 0)
        for (const key of references.map(referenceKey)) for (const missed of underWay) missed.add(key)
      return index.dependents(references)
    },
    isRead: (reference) => index.dependents([reference]).length > 0,
  }
}
