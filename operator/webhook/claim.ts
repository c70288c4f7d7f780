import type { Webhook } from '../../crds/types.gen.ts'
import { nameOf } from '../control/cache.ts'
import type { Control } from '../control/control.ts'
import { keyOf } from '../control/resources.ts'

/** Notes which token the Webhook wants, or that it wants none. Whoever gains or loses one by this is compiled again. */
export function claimToken(
  webhook: Webhook,
  token: string | undefined,
  { claims, enqueue }: Pick<Control, 'claims' | 'enqueue'>,
): void {
  for (const affected of claims.claim(webhook, token)) enqueue(keyOf('Webhook', nameOf(affected)))
}
