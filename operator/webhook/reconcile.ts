import { FINALIZER, urlSecretName } from '../../crds/contract.ts'
import type { Secret } from '../../crds/object.ts'
import type { Webhook } from '../../crds/types.gen.ts'
import { MERGE_PATCH } from '../../kube/api-server.ts'
import { isConflict } from '../../kube/error.ts'
import type { ObjectName } from '../../kube/follow.ts'
import { resourcePath, SECRETS } from '../../kube/paths.ts'
import { compileWebhook } from '../compile.ts'
import { report, type Control } from '../control/control.ts'
import { findOverlooked } from '../control/overlooked.ts'
import { isRefused, isTooLarge, keyOf, patchFinalizers, refusalOf } from '../control/resources.ts'
import type { Problem } from '../problem.ts'
import { nameOf } from '../source.ts'
import { withProblem } from './conditions.ts'
import { finalizeWebhook, forgetWebhook } from './finalize.ts'
import { TOKEN_PATTERN } from '../tokens/token.ts'
import { isUpToDate, standingOf, tokenIn, urlSecret, webhookUrl } from '../tokens/url-secret.ts'
import type { CompiledWebhook } from './webhook.ts'

/** A status lists no more Workflows; all of them are started. */
const MAX_LISTED = 1000

/** Brings what callers meet in line with the Webhook of this name, whatever happened to it. */
export async function reconcileWebhook(name: ObjectName, control: Control): Promise<void> {
  const webhook = control.cache.webhook(name) ?? (await findOverlooked('Webhook', name, control))
  if (!webhook) return forgetWebhook(name, control)
  if (webhook.metadata.deletionTimestamp !== undefined) return finalizeWebhook(webhook, control)

  // Neither needs the other, and callers wait.
  const [, refused] = await Promise.all([addFinalizer(webhook, control), ensureToken(webhook, control)])
  const compiled = await compile(webhook, control)
  if (awaitsPlans(webhook, control)) return
  const unpublished = refused ? undefined : await publish(compiled, control)
  const problem = refused ?? unpublished ?? (await ensureUrl(compiled, control))
  const { route, workflows, conditions } = compiled
  const url = route && webhookUrl(control.publicUrl, webhook, route.token)
  await report(
    webhook,
    {
      status: { ...(url === undefined ? {} : { url }), workflows: workflows.slice(0, MAX_LISTED) },
      conditions: problem ? withProblem(conditions, problem) : conditions,
    },
    control,
  )
  bind(compiled, control)
  // No change of the Webhook mends it.
  if (unpublished?.refusal) throw unpublished.refusal
}

/**
 * A Webhook that is not served yet waits for the plans of its Workflows, so that the first call starts what
 * is there; a Workflow that was compiled for the first time has it looked at again. One that is served must
 * not wait: its change may close it.
 */
function awaitsPlans(webhook: Webhook, { cache, publisher, bindings }: Control): boolean {
  const name = nameOf(webhook)
  if (publisher.isPublished('route', name, webhook.metadata.uid ?? '')) return false
  return cache
    .workflowsOf(name)
    .some((workflow) => workflow.metadata.deletionTimestamp === undefined && !bindings.isDecided(workflow))
}

/** Workflows become Ready when calls lead to them. */
function bind({ webhook, targets }: CompiledWebhook, { bindings, enqueue }: Control): void {
  const { namespace, name } = nameOf(webhook)
  const plans = targets.flatMap(({ name: workflow, plan }) =>
    plan ? [[keyOf('Workflow', { namespace, name: workflow }), plan] as const] : [],
  )
  for (const key of bindings.bind(keyOf('Webhook', { namespace, name }), new Map(plans))) enqueue(key)
}

async function addFinalizer(webhook: Webhook, { api, cache }: Control): Promise<void> {
  const { finalizers = [] } = webhook.metadata
  if (finalizers.includes(FINALIZER)) return
  cache.take(await patchFinalizers(webhook, [...finalizers, FINALIZER], api))
}

/**
 * Sees to it that the Webhook has a token: the one of its route, which never changes, whatever happens to the
 * Secret; else the one that its Secret holds, else a new one.
 */
async function ensureToken(webhook: Webhook, control: Control): Promise<Problem | undefined> {
  if (webhook.spec.tokenFrom) return undefined
  const { cache, publisher, newToken } = control
  const name = nameOf(webhook)
  const secret = cache.urlSecret(name)
  const kept = secret && standingOf(secret, webhook) === 'own' ? tokenIn(secret) : undefined
  const token = publisher.publishedToken(name, webhook.metadata.uid ?? '') ?? kept
  return writeUrlSecret(
    webhook,
    token !== undefined && TOKEN_PATTERN.test(token) ? token : newToken(),
    control,
  )
}

/** A pinned token is known only now. */
async function ensureUrl(
  { webhook, route }: CompiledWebhook,
  control: Control,
): Promise<Problem | undefined> {
  return webhook.spec.tokenFrom && route ? writeUrlSecret(webhook, route.token, control) : undefined
}

async function writeUrlSecret(
  webhook: Webhook,
  token: string,
  control: Control,
): Promise<Problem | undefined> {
  const { api, cache, publicUrl } = control
  const name = nameOf(webhook)
  const known = cache.urlSecret(name)
  const wanted = urlSecret(webhook, { token, url: webhookUrl(publicUrl, webhook, token) })
  if (known && isUpToDate(known, wanted)) return undefined
  const { namespace } = name
  const path = resourcePath(SECRETS, { namespace, name: wanted.metadata.name })
  const resourceVersion = known?.metadata.resourceVersion
  try {
    const written = await api.send<Secret>(
      known
        ? {
            method: 'PATCH',
            path,
            contentType: MERGE_PATCH,
            body: { metadata: { ...wanted.metadata, resourceVersion }, data: wanted.data },
          }
        : { method: 'POST', path: resourcePath(SECRETS, { namespace }), body: wanted },
    )
    cache.takeUrlSecret(name, written)
    return undefined
  } catch (error) {
    if (isRefused(error)) return urlSecretProblem(webhook, refusalOf(error))
    if (!isConflict(error) || known) throw error
    // One is there that is not in the cache: it is not ours, or it came a moment ago.
    const found = await api.send<Secret>({ method: 'GET', path })
    if (standingOf(found, webhook) === 'foreign')
      return urlSecretProblem(webhook, 'exists and is not of Hooklet: rename or delete it')
    // What it holds is looked at in the next try.
    cache.foundUrlSecret(name, found)
    throw error
  }
}

const urlSecretProblem = ({ metadata }: Webhook, message: string): Problem => ({
  reason: 'UrlSecretRefused',
  path: ['metadata', 'name'],
  message: `the Secret ${urlSecretName(metadata.name)} for the URL ${message}`,
})

async function compile(webhook: Webhook, control: Control): Promise<CompiledWebhook> {
  const { cache, dependencies, expressions, publisher, sharedNamespace, enqueue } = control
  const name = nameOf(webhook)
  const key = keyOf('Webhook', name)
  const { compiled, changed } = await dependencies.track(key, async () => {
    const result = await compileWebhook(webhook, {
      source: cache,
      expressions,
      planOf: publisher.publishedPlan,
      ...(sharedNamespace === undefined ? {} : { sharedNamespace }),
      tokenOwner(token) {
        claim(webhook, token, control)
        return token === undefined ? undefined : control.claims.owner(token)
      },
    })
    // When a Secret that stands in the way goes, the Webhook's own can be made.
    const own = { kind: 'Secret', namespace: name.namespace, name: urlSecretName(name.name) } as const
    return { ...result, references: result.route ? result.references : [...result.references, own] }
  })
  if (changed) enqueue(key)
  return compiled
}

/** Whoever gains or loses a token by this is compiled again. */
function claim(webhook: Webhook, token: string | undefined, { claims, enqueue }: Control): void {
  for (const affected of claims.claim(webhook, token)) enqueue(keyOf('Webhook', nameOf(affected)))
}

/** The route as compiled, or none. */
async function publish(
  { webhook, route }: CompiledWebhook,
  { publisher, api }: Control,
): Promise<(Problem & { refusal?: Error }) | undefined> {
  try {
    if (route) await publisher.publish('route', route, api)
    else await publisher.withdraw('route', nameOf(webhook), api)
    return undefined
  } catch (error) {
    if (!isTooLarge(error)) {
      if (!isRefused(error)) throw error
      const message = `the Secret of its route, in the namespace of the operator, ${refusalOf(error)}`
      return { reason: 'PublishRefused', path: ['metadata', 'name'], message, refusal: error }
    }
    // The former route may let in whom the spec no longer does.
    await publisher.withdraw('route', nameOf(webhook), api)
    const message =
      'compiles to a route of more than 1 MiB, the most that an API server keeps: make it smaller'
    return { reason: 'TooLarge', path: ['spec'], message }
  }
}
