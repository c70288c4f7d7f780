/**
 * A real API server judges our resources as the standalone admission does: the same refusals, sentences and
 * defaults.
 */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { createAdmission } from '../../cli/admission/admission.ts'
import type { Resource } from '../../cli/admission/admission.ts'
import { API_VERSION } from '../../crds/contract.ts'
import { CRD_FILES, readCrd } from '../../crds/schema.ts'
import { FAULT_CASES } from '../cli/admission/fault-cases.ts'
import { CASES } from '../cli/admission/rule-cases.ts'
import type { RuleCase } from '../cli/admission/rule-cases.ts'
import { startCluster } from '../support/kubernetes/cluster.ts'
import type { Cluster, KubeAnswer, KubeObject } from '../support/kubernetes/cluster.ts'
import { CRD_OBJECTS } from '../support/kubernetes/manifests.ts'

interface Status {
  message: string
  details: { causes: { field: string; message: string }[] }
}

const admission = createAdmission()
const plurals = new Map(CRD_FILES.map(readCrd).map(({ kind, plural }) => [kind, plural]))

let cluster: Cluster
let namespace: string
beforeAll(async () => {
  cluster = await startCluster()
  await cluster.apply(CRD_OBJECTS)
  namespace = await cluster.namespace('rules')
})
afterAll(() => cluster?.close())

interface Manifest {
  apiVersion: string
  kind: string
  metadata: { name: string }
  spec?: unknown
}

const manifest = ({ kind }: Pick<RuleCase, 'kind'>, spec: unknown, name = 'orders'): Manifest => ({
  apiVersion: API_VERSION,
  kind,
  metadata: { name },
  spec,
})

const collection = (kind: string): string =>
  `/apis/${API_VERSION}/namespaces/${namespace}/${plurals.get(kind) ?? ''}`

/** Creates it, or with `previous` changes that, as `kubectl apply` would, without storing it. */
async function submit(object: Manifest, previous?: Manifest): Promise<KubeAnswer<KubeObject & Status>> {
  const path = collection(object.kind)
  const query = 'fieldValidation=Strict'
  if (previous === undefined) return cluster.request('POST', `${path}?dryRun=All&${query}`, { body: object })
  const created = await cluster.request('POST', `${path}?${query}`, { body: previous })
  expect(created.status).toBe(201)
  const { resourceVersion } = created.body.metadata
  const changed = { ...object, metadata: { ...object.metadata, resourceVersion } }
  const one = `${path}/${object.metadata.name}`
  const answer = await cluster.request<KubeObject & Status>('PUT', `${one}?dryRun=All&${query}`, {
    body: changed,
  })
  await cluster.request('DELETE', one)
  return answer
}

function admitted(object: Manifest): Resource {
  const verdict = admission.admit(object)
  if (!verdict.object) throw new Error(JSON.stringify(verdict.faults))
  return verdict.object
}

describe.each(CASES)('$kind $at: $message', (ruleCase) => {
  const before = ruleCase.before === undefined ? undefined : manifest(ruleCase, ruleCase.before)

  test.each(ruleCase.refused)('refuses %j', async (spec) => {
    const { at, message } = ruleCase
    const { status, body } = await submit(manifest(ruleCase, spec, ruleCase.name), before)
    expect(status).toBe(422)
    const causes = body.details.causes.map(({ field, message }) => ({
      at: field === '<nil>' ? '' : field,
      // Said after the value.
      message: message.slice(-ruleCase.message.length),
    }))
    expect(causes).toEqual([{ at, message }])
  })

  test.each(ruleCase.passes)('lets %j pass, with the same defaults', async (spec) => {
    const object = manifest(ruleCase, spec)
    const { status, body } = await submit(object, before)
    expect([status, body.message]).toEqual([before ? 200 : 201, undefined])
    const previous = before && admitted(before)
    expect(body['spec']).toEqual((admission.admit(object, previous).object as Manifest).spec)
  })
})

const ofOurs = FAULT_CASES.filter(([, object]) => {
  const { apiVersion, kind } = object as { apiVersion?: string; kind?: string }
  return apiVersion === API_VERSION && plurals.has(kind ?? '')
})

test.each(ofOurs)('%s is refused', async (_, object, faults) => {
  const { status, body } = await submit(object as Manifest)
  // Unknown fields are found when the object is read, and the rest when it is judged.
  expect([400, 422]).toContain(status)
  for (const fault of faults) expect(body.message).toContain(fault.slice(0, fault.indexOf(': ')))
})
