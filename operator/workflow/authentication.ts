import type { HttpCallTask, Value } from '../../runner/plan.ts'
import { didYouMean } from '../../crds/fault.ts'
import { compileExpression } from '../../runner/expression/template.ts'
import { lookUp } from './definitions.ts'
import { isRecord, readObject, readText, readValue, type Field } from './field.ts'

type Authentication = NonNullable<HttpCallTask['authentication']>

const SCHEMES = ['basic', 'bearer', 'digest', 'oauth2', 'oidc'] as const
const NOT_YET: ReadonlySet<string> = new Set(['digest', 'oauth2', 'oidc'])

/** `{use: NAME}`, or a policy itself. */
export function readAuthentication(field: Field | undefined): Authentication | undefined {
  if (!field) return undefined
  if (isRecord(field.value) && Object.hasOwn(field.value, 'use')) {
    const use = readObject(field, { required: ['use'] })?.use
    const name = readText(use)
    const definition = use && name !== undefined ? lookUp(use, 'authentications', name) : undefined
    return definition && readPolicy(definition)
  }
  return readPolicy(field)
}

/** One scheme with its credentials, or `{use: SECRET}` for those in a Secret. */
export function readPolicy(field: Field): Authentication | undefined {
  const fields = readObject(field, { optional: SCHEMES })
  if (!fields) return undefined
  const given = SCHEMES.filter((scheme) => fields[scheme])
  const [scheme] = given
  if (scheme === undefined || given.length > 1)
    return field.fault('must have exactly one of basic and bearer')
  const policy = fields[scheme]
  if (!policy) return undefined
  if (NOT_YET.has(scheme))
    return policy.unsupported(`${scheme} authentication can not be used yet: use basic or bearer`)
  return scheme === 'basic' ? readBasic(policy) : readBearer(policy)
}

function readBasic(policy: Field): Authentication | undefined {
  const secret = secretOf(policy)
  if (secret) return { basic: { username: secret('username'), password: secret('password') } }
  if (usesSecret(policy)) return undefined
  const fields = readObject(policy, { required: ['username', 'password'] })
  const username = readValue(fields?.username)
  const password = readValue(fields?.password)
  return username && password && { basic: { username, password } }
}

function readBearer(policy: Field): Authentication | undefined {
  const secret = secretOf(policy)
  if (secret) return { bearer: { token: secret('token') } }
  if (usesSecret(policy)) return undefined
  const token = readValue(readObject(policy, { required: ['token'] })?.token)
  return token && { bearer: { token } }
}

const usesSecret = ({ value }: Field): boolean => isRecord(value) && Object.hasOwn(value, 'use')

/** With `{use: SECRET}`: gives the value that reads a key of it. */
function secretOf(policy: Field): ((key: string) => Value) | undefined {
  if (!usesSecret(policy)) return undefined
  const use = readObject(policy, { required: ['use'] })?.use
  const name = readText(use)
  if (!use || name === undefined) return undefined
  const { secrets } = policy.scope.definitions
  if (!secrets.includes(name)) {
    return use.fault(`names the Secret "${name}", which is not in use.secrets${didYouMean(name, secrets)}`)
  }
  return (key) => compileExpression(`$secrets[${JSON.stringify(name)}].${key}`)
}
