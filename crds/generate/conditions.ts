import { REASONS, WEBHOOK_CONDITIONS, WORKFLOW_CONDITIONS } from '../contract.ts'

/** Emits the page of conditions and reasons in Markdown. */
export function emitConditions(): string {
  return [
    '<!-- Generated from crds/contract.ts by `npm run gen`. Do not edit. -->',
    '# Conditions',
    'What `status.conditions` of a Webhook and a Workflow say. `kubectl wait --for=condition=Ready webhook/NAME` waits until calls are ' +
      'answered as the spec says; when that does not come true, the message of the condition says what to do.',
    '## Webhook',
    table('Condition', WEBHOOK_CONDITIONS),
    '## Workflow',
    table('Condition', WORKFLOW_CONDITIONS),
    '## Reasons',
    table('Reason', REASONS),
  ]
    .join('\n\n')
    .concat('\n')
}

function table(head: string, entries: Record<string, string>): string {
  const rows = Object.entries(entries).map(([name, meaning]) => `| \`${name}\` | ${meaning} |`)
  return [`| ${head} | Meaning |`, '| --- | --- |', ...rows].join('\n')
}
