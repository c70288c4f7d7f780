/** The ServiceAccounts and roles of our processes, made of the rules that an installation gets. */
import { readFileSync } from 'node:fs'
import { parse } from 'yaml'

export type ProcessName = 'operator' | 'ingress' | 'runner'

export interface Rule {
  apiGroups: string[]
  resources: string[]
  resourceNames?: string[]
  verbs: string[]
}

const folder = new URL('../../../charts/hooklet/files/rbac/', import.meta.url)

type RulesFile = ProcessName | 'operator-system' | 'operator-shared-globals' | 'uninstall'

/**
 * `operator` is what it may do where it watches; `operator-system` what it may do in its own namespace
 * besides, and `operator-shared-globals` there when it runs with shared globals. `uninstall` is for the Job
 * before an uninstallation that takes the CRDs along.
 */
export function readRules(file: RulesFile): Rule[] {
  return parse(readFileSync(new URL(`${file}.yaml`, folder), 'utf8')) as Rule[]
}

export interface RolesOptions {
  /** The operator's namespace, where the ServiceAccounts are. */
  system: string
  /** The namespaces that the operator watches. */
  watched: 'all' | string[]
  /** Whether the operator runs with shared globals. */
  sharedGlobals?: boolean
}

/** ServiceAccounts named as the processes, with the rights that they have in an installation. */
export function rolesOf({ system, watched, sharedGlobals = false }: RolesOptions): object[] {
  const processes: ProcessName[] = ['operator', 'ingress', 'runner']
  const accounts = processes.map((name) => ({
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: { name, namespace: system },
  }))
  const own = (account: ProcessName, rules: Rule[], namespace: string): object[] =>
    granted({ account, rules, system, name: `hooklet-${account}`, namespace })
  const watching =
    watched === 'all'
      ? granted({ account: 'operator', rules: readRules('operator'), system, name: `hooklet-${system}` })
      : watched
          .filter((namespace) => namespace !== system)
          .flatMap((namespace) => own('operator', readRules('operator'), namespace))
  const inSystem = watched !== 'all' && watched.includes(system) ? readRules('operator') : []
  const shared = sharedGlobals ? readRules('operator-shared-globals') : []
  return [
    ...accounts,
    ...own('operator', [...readRules('operator-system'), ...shared, ...inSystem], system),
    ...own('ingress', readRules('ingress'), system),
    ...own('runner', readRules('runner'), system),
    ...watching,
  ]
}

/** A role and its binding; without a namespace, of the whole cluster. */
function granted(grant: {
  account: ProcessName
  rules: Rule[]
  system: string
  name: string
  namespace?: string
}): object[] {
  const { account, rules, system, name, namespace } = grant
  const prefix = namespace === undefined ? 'Cluster' : ''
  const metadata = { name, ...(namespace === undefined ? {} : { namespace }) }
  const apiVersion = 'rbac.authorization.k8s.io/v1'
  return [
    { apiVersion, kind: `${prefix}Role`, metadata, rules },
    {
      apiVersion,
      kind: `${prefix}RoleBinding`,
      metadata,
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: `${prefix}Role`, name },
      subjects: [{ kind: 'ServiceAccount', name: account, namespace: system }],
    },
  ]
}
