import { didYouMean, type Fault } from '../../crds/fault.ts'
import { isRecord } from './schema.ts'

const SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/
const LABEL = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/

/** What `kubectl get -o yaml` prints as well, and what is therefore no fault. */
const FIELDS = [
  'name',
  'namespace',
  'labels',
  'annotations',
  'finalizers',
  'ownerReferences',
  'generation',
  'resourceVersion',
  'uid',
  'creationTimestamp',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
  'managedFields',
  'selfLink',
]

/** Checks `metadata` as an API server does, as far as a manifest's author writes it. */
export function checkMetadata(metadata: unknown): Fault[] {
  if (metadata === undefined || metadata === null)
    return [{ path: ['metadata', 'name'], message: 'is required' }]
  if (!isRecord(metadata)) return [{ path: ['metadata'], message: 'must be an object' }]
  const faults: Fault[] = []
  for (const key of Object.keys(metadata)) {
    if (!FIELDS.includes(key)) {
      const hint = key === 'generateName' ? ': give it a name instead' : didYouMean(key, FIELDS)
      faults.push({ path: ['metadata', key], message: `is not a field here${hint}` })
    }
  }
  faults.push(...checkName(metadata, faults))
  const { namespace } = metadata
  if (
    namespace !== undefined &&
    !(typeof namespace === 'string' && namespace.length <= 63 && LABEL.test(namespace))
  ) {
    faults.push({
      path: ['metadata', 'namespace'],
      message: 'must be a name of at most 63 lower-case letters, digits and -, such as "default"',
    })
  }
  for (const field of ['labels', 'annotations']) faults.push(...checkStrings(metadata[field], field))
  return faults
}

function checkName({ name }: Record<string, unknown>, faults: Fault[]): Fault[] {
  const path = ['metadata', 'name']
  if (name === undefined || name === null) {
    const misspelt = faults.some(
      ({ message }) => message.includes('"name"') || message.includes('give it a name'),
    )
    return misspelt ? [] : [{ path, message: 'is required' }]
  }
  if (typeof name === 'string' && name.length <= 253 && SUBDOMAIN.test(name)) return []
  return [
    {
      path,
      message: `must be lower-case letters, digits, - and ., such as "my-hook"; it is ${JSON.stringify(name)}`,
    },
  ]
}

function checkStrings(value: unknown, field: string): Fault[] {
  if (value === undefined || value === null) return []
  if (!isRecord(value)) return [{ path: ['metadata', field], message: 'must be an object' }]
  return Object.entries(value)
    .filter(([, text]) => typeof text !== 'string')
    .map(([key, text]) => ({
      path: ['metadata', field, key],
      message: `must be a string: put it in quotes, "${String(text)}"`,
    }))
}
