import type { Value } from './values.ts'

const INTRODUCTION = `<!-- Generated from values.yaml by npm run gen. Do not edit. -->

# Helm chart of Hooklet

\`\`\`sh
helm install hooklet charts/hooklet --namespace hooklet-system --create-namespace \\
  --set image.repository=REGISTRY/hooklet --set publicUrl=https://hooks.example.com
\`\`\`

From nothing to the first call, upgrades, high availability, backup and the security model: [Install on Kubernetes](../../docs/install.md).

The chart needs Kubernetes 1.30 or newer and Helm 3.14 or newer; tests run Helm 3.14 and 4.3, and Kubernetes 1.36. All pods run under the \`restricted\` Pod Security Standard.

## Values
`

const ROOMY = 60

/** The chart's page: a table for each group of values. */
export function emitReadme(values: Value[]): string {
  const single = values.filter(({ children }) => children === undefined)
  const groups = values.filter(({ children }) => children !== undefined)
  const sections = groups.map(
    (group) => `### \`${group.name}\`\n\n${sentence(group.doc)}${table(leaves(group.children ?? []))}`,
  )
  return `${INTRODUCTION}\n${table(single)}\n${sections.join('\n')}`
}

/** Values without values of their own; above them what is said of their group, in italics. */
function leaves(values: Value[]): Value[] {
  return values.flatMap((value) =>
    value.children === undefined
      ? [value]
      : [...(value.doc === '' ? [] : [{ ...value, fallback: undefined }]), ...leaves(value.children)],
  )
}

const sentence = (text: string): string => (text === '' ? '' : `${text.replace(/[.]?$/, '.')}\n\n`)

function table(values: Value[]): string {
  const rows = values.map(
    ({ path, fallback, doc }) => `| \`${path}\` | ${shown(fallback)} | ${escape(doc)} |`,
  )
  return `| value | default | what |\n| --- | --- | --- |\n${rows.join('\n')}\n`
}

function shown(fallback: unknown): string {
  if (fallback === undefined) return ''
  const text = typeof fallback === 'string' ? fallback : JSON.stringify(fallback)
  if (text === '') return 'empty'
  return text.length > ROOMY ? 'see values.yaml' : `\`${text}\``
}

const escape = (text: string): string => text.replaceAll('|', '\\|')
