/** What is wrong with an object by its form: the object, and the sentences that say so. */
export const webhook = (spec: unknown): unknown => ({
  apiVersion: 'hooklet.dev/v1alpha1',
  kind: 'Webhook',
  metadata: { name: 'orders' },
  spec,
})
export const workflow = (spec: unknown): unknown => ({
  apiVersion: 'hooklet.dev/v1alpha1',
  kind: 'Workflow',
  metadata: { name: 'orders' },
  spec,
})

export const FAULT_CASES: [title: string, object: unknown, faults: string[]][] = [
  [
    'a misspelt field',
    webhook({ verfication: { type: 'GitHub' } }),
    ['spec.verfication: is not a field here, did you mean "verification"?'],
  ],
  ['an unknown field like no other', webhook({ colour: 'red' }), ['spec.colour: is not a field here']],
  [
    'a misspelt required field, said once',
    workflow({ triggers: [{ wehbook: 'orders' }], do: [{ a: { call: 'reply' } }] }),
    ['spec.triggers[0].wehbook: is not a field here, did you mean "webhook"?'],
  ],
  [
    'a misspelt field that a rule needs, said once',
    webhook({ verification: { type: 'GitHub', secret: [{ value: 'x' }] } }),
    ['spec.verification.secret: is not a field here, did you mean "secrets"?'],
  ],
  [
    'a misspelt value',
    webhook({ type: 'Websocket' }),
    ['spec.type: must be one of HTTP, WebSocket; it is "Websocket", did you mean "WebSocket"?'],
  ],
  [
    'a number where a string belongs',
    webhook({ limits: { payload: 262144 } }),
    ['spec.limits.payload: must be a string: put it in quotes, "262144"'],
  ],
  [
    'a string where a number belongs',
    webhook({ response: { statusCode: '200' } }),
    ['spec.response.statusCode: must be a whole number; it is "200"'],
  ],
  [
    'a list where an object belongs',
    webhook({ response: [] }),
    ['spec.response: must be an object; it is a list'],
  ],
  [
    'a number out of bounds',
    webhook({ response: { statusCode: 700 } }),
    ['spec.response.statusCode: must be at most 599; it is 700'],
  ],
  [
    'a missing field',
    webhook({ verification: { type: 'HMAC', secrets: [{ value: 'x' }], hmac: {} } }),
    ['spec.verification.hmac.header: is required'],
  ],
  [
    'a value of a wrong form',
    webhook({ response: { headers: { 'X-A': 'b\nc' } } }),
    ['spec.response.headers.X-A: must match ^([!-~]([ -~]*[!-~])?)?$; it is "b\\nc"'],
  ],
  [
    'two tasks in one entry',
    workflow({ triggers: [{ webhook: 'orders' }], do: [{ a: { call: 'x' }, b: { call: 'x' } }] }),
    ['spec.do[0]: must have just one entry'],
  ],
  [
    'a list of origins without any, which would open the door to all',
    webhook({ type: 'WebSocket', webSocket: { allowedOrigins: [] } }),
    ['spec.webSocket.allowedOrigins: must have at least one entry'],
  ],
  [
    'no task',
    workflow({ triggers: [{ webhook: 'orders' }], do: [] }),
    ['spec.do: must have at least one entry'],
  ],
  [
    'two triggers of one Webhook',
    workflow({ triggers: [{ webhook: 'a' }, { webhook: 'a' }], do: [{ a: { call: 'x' } }] }),
    ['spec.triggers[1]: is of the same webhook as an entry before: remove one'],
  ],
  [
    'a Workflow without a spec',
    { apiVersion: 'hooklet.dev/v1alpha1', kind: 'Workflow', metadata: { name: 'a' } },
    ['spec: is required'],
  ],
  [
    'several faults',
    webhook({ type: 'FTP', suspend: 'yes' }),
    [
      'spec.suspend: must be a boolean; it is "yes"',
      'spec.type: must be one of HTTP, WebSocket; it is "FTP"',
    ],
  ],
  [
    'an unknown kind',
    { apiVersion: 'hooklet.dev/v1alpha1', kind: 'Webhok' },
    ['kind: must be one of Webhook, Workflow, ConfigMap, Secret, did you mean "Webhook"?'],
  ],
  [
    'another version',
    { apiVersion: 'hooklet.dev/v1', kind: 'Webhook', metadata: { name: 'a' } },
    ['apiVersion: must be hooklet.dev/v1alpha1 for a Webhook'],
  ],
  ['no object at all', 'Webhook', [': must be an object with apiVersion, kind and metadata']],
]
