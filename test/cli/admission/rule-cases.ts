/** For each CEL rule of the CRDs: what it refuses, with nothing else wrong, and what it lets pass. */
export interface RuleCase {
  kind: 'Webhook' | 'Workflow'
  /** Where the fault is reported. */
  at: string
  message: string
  refused: unknown[]
  passes: unknown[]
  /** The name of the refused object, when that is what the rule is about. */
  name?: string
  /** The spec of the object before the change, for a transition rule. */
  before?: unknown
}

const secrets = [{ value: 'whsec_1' }]
const verification = (fields: object): object => ({ verification: fields })
const hmac = (fields: object): object =>
  verification({ type: 'HMAC', secrets, hmac: { header: 'X-Signature', ...fields } })
const jwt = (fields: object, others: object = {}): object =>
  verification({
    type: 'JWT',
    jwt: { issuer: 'https://issuer.example', audiences: ['hooks'], ...fields },
    ...others,
  })
const jwksURL = 'https://issuer.example/keys'
const sns = { topicARNs: ['arn:aws:sns:eu-central-1:123456789012:orders'] }
const cloudEvents = { allowedOrigins: ['events.example.com'] }
const workflow = { triggers: [{ webhook: 'orders' }], do: [{ answer: { call: 'reply' } }] }

const webhookCases: Omit<RuleCase, 'kind'>[] = [
  {
    at: '',
    message:
      'metadata.name is at most 63 characters: it is the value of a label on what is made for the Webhook; use displayName for a longer one',
    name: 'a'.repeat(64),
    refused: [{}],
    passes: [{}, { displayName: 'a'.repeat(255) }],
  },
  {
    at: 'spec',
    message:
      'response.mode Reply and Output are not for type WebSocket: leave it Immediate, and send messages with call reply from the Workflow',
    refused: [
      { type: 'WebSocket', response: { mode: 'Reply' } },
      { type: 'WebSocket', response: { mode: 'Output' } },
    ],
    passes: [{ type: 'WebSocket' }, { type: 'HTTP', response: { mode: 'Reply' } }],
  },
  {
    at: 'spec',
    message:
      'type WebSocket takes verification None or JWT only: providers sign HTTP bodies, so use auth, or verification JWT',
    refused: [{ type: 'WebSocket', verification: { type: 'GitHub', secrets } }],
    passes: [{ type: 'WebSocket', ...jwt({ jwksURL }) }],
  },
  {
    at: 'spec',
    message:
      'verification JWT and auth both read the Authorization header, so that no call could pass both: remove auth',
    refused: [{ ...jwt({ jwksURL }), auth: { bearer: { tokens: [{ value: 't' }] } } }],
    passes: [jwt({ jwksURL }), { auth: { bearer: { tokens: [{ value: 't' }] } } }],
  },
  {
    at: 'spec',
    message: 'webSocket is for type WebSocket only: remove it, or create a Webhook of that type',
    refused: [{ webSocket: {} }, { type: 'HTTP', webSocket: { encoding: 'Hex' } }],
    passes: [
      { type: 'WebSocket' },
      {
        type: 'WebSocket',
        webSocket: {
          allowedOrigins: ['https://a.example:8443', 'http://[::1]:80'],
          subprotocols: ['chat.v2', 'chat'],
        },
      },
    ],
  },
  {
    at: 'spec',
    message: 'Fitbit accepts no status but 204: set response.statusCode to 204 or leave it out',
    refused: [{ ...verification({ type: 'Fitbit', code: { value: 'c' } }), response: { statusCode: 200 } }],
    passes: [
      verification({ type: 'Fitbit', code: { value: 'c' } }),
      { ...verification({ type: 'Fitbit', code: { value: 'c' } }), response: { statusCode: 204 } },
      { response: { statusCode: 200 } },
    ],
  },
  {
    at: 'spec',
    message: 'Fitbit wants 204 within 5 seconds: leave response.mode Immediate',
    refused: [{ ...verification({ type: 'Fitbit', code: { value: 'c' } }), response: { mode: 'Reply' } }],
    passes: [{ ...verification({ type: 'Facebook', code: { value: 'c' } }), response: { mode: 'Reply' } }],
  },
  {
    at: 'spec',
    message: 'idempotency and verification.replay are for type HTTP: messages of a WebSocket have no key',
    refused: [
      { type: 'WebSocket', idempotency: {} },
      { type: 'WebSocket', ...verification({ type: 'None', replay: { key: 'Header', header: 'X-Id' } }) },
    ],
    passes: [{ type: 'HTTP', idempotency: {} }, { type: 'WebSocket' }],
  },
  {
    at: 'spec',
    message: 'set idempotency or verification.replay, not both: each says which calls are the same',
    refused: [{ ...verification({ type: 'GitHub', secrets, replay: {} }), idempotency: {} }],
    passes: [{ ...verification({ type: 'GitHub', secrets, replay: {} }) }, { idempotency: {} }],
  },
  {
    at: 'spec.idempotency.ttl',
    message: 'idempotency.ttl is a duration from 1m to 168h, for example 24h',
    refused: ['169h', '59s', '24'].map((ttl) => ({ idempotency: { ttl } })),
    passes: ['1m', '168h'].map((ttl) => ({ idempotency: { ttl } })),
  },
  {
    at: 'spec.type',
    message: 'type is immutable: create another Webhook instead',
    before: { type: 'HTTP' },
    refused: [{ type: 'WebSocket' }],
    passes: [{ type: 'HTTP', description: 'changed' }],
  },
  {
    at: 'spec.verification',
    message:
      'verification types Facebook and Fitbit need verification.code: the verify token or code that you entered at the provider',
    refused: [verification({ type: 'Facebook' }), verification({ type: 'Fitbit' })],
    passes: [verification({ type: 'Facebook', code: { value: 'c' } })],
  },
  {
    at: 'spec.verification',
    message:
      'verification.code is for types Facebook and Fitbit only: remove it, or put a signing secret into verification.secrets',
    refused: [
      verification({ code: { value: 'c' } }),
      verification({ type: 'GitHub', secrets, code: { value: 'c' } }),
    ],
    passes: [verification({ type: 'Fitbit', code: { value: 'c' } })],
  },
  {
    at: 'spec.verification',
    message:
      'this verification type needs verification.secrets: the signing secret, token or public key that the provider shows you',
    refused: [
      verification({ type: 'GitHub' }),
      verification({ type: 'Discord' }),
      verification({ type: 'HMAC', hmac: { header: 'S' } }),
    ],
    passes: [
      verification({ type: 'GitHub', secrets }),
      verification({ type: 'Twilio' }),
      verification({ type: 'Alexa' }),
    ],
  },
  {
    at: 'spec.verification',
    message:
      'verification.secrets is not used by types None, Alexa, SNS and CloudEvents: set verification.type to the provider, or remove it',
    refused: [verification({ secrets }), verification({ type: 'SNS', sns, secrets })],
    passes: [verification({ type: 'Twilio', secrets })],
  },
  {
    at: 'spec.verification',
    message:
      'verification type HMAC needs verification.hmac with the header that carries the signature; other types must not have it',
    refused: [verification({ type: 'HMAC', secrets }), verification({ hmac: { header: 'S' } })],
    passes: [hmac({})],
  },
  {
    at: 'spec.verification',
    message:
      'verification type JWT needs verification.jwt with issuer and audiences; other types must not have it',
    refused: [
      verification({ type: 'JWT', secrets }),
      verification({ jwt: { issuer: 'i', audiences: ['a'] } }),
    ],
    passes: [jwt({ jwksURL })],
  },
  {
    at: 'spec.verification',
    message:
      'verification type SNS needs verification.sns with the topics to accept; other types must not have it',
    refused: [verification({ type: 'SNS' }), verification({ sns })],
    passes: [verification({ type: 'SNS', sns })],
  },
  {
    at: 'spec.verification',
    message:
      'verification type CloudEvents needs verification.cloudEvents with the origins to accept; other types must not have it',
    refused: [verification({ type: 'CloudEvents' }), verification({ cloudEvents })],
    passes: [verification({ type: 'CloudEvents', cloudEvents })],
  },
  {
    at: 'spec.verification',
    message: 'verification.alexa is for type Alexa only: remove it or change verification.type',
    refused: [verification({ alexa: {} })],
    passes: [verification({ type: 'Alexa', alexa: { applicationIDs: ['amzn1.ask.skill.1'] } })],
  },
  {
    at: 'spec.verification',
    message: 'verification.gitlab is for type GitLab only: remove it or change verification.type',
    refused: [verification({ gitlab: {} })],
    passes: [verification({ type: 'GitLab', secrets, gitlab: { mode: 'Signature' } })],
  },
  {
    at: 'spec.verification',
    message: 'verification.twilio is for type Twilio only: remove it or change verification.type',
    refused: [verification({ twilio: {} })],
    passes: [verification({ type: 'Twilio', twilio: { publicURL: 'https://hooks.example.com/x' } })],
  },
  {
    at: 'spec.verification',
    message: 'verification.square is for type Square only: remove it or change verification.type',
    refused: [verification({ square: {} })],
    passes: [verification({ type: 'Square', secrets, square: {} })],
  },
  {
    at: 'spec.verification',
    message:
      'verification type JWT needs exactly one kind of key: verification.secrets (HS*), jwt.publicKeys or jwt.jwksURL',
    refused: [jwt({}), jwt({ jwksURL }, { secrets }), jwt({ jwksURL, publicKeys: [{ value: 'PEM' }] })],
    passes: [jwt({ jwksURL }), jwt({}, { secrets }), jwt({ publicKeys: [{ value: 'PEM' }] })],
  },
  {
    at: 'spec.verification',
    message:
      'jwt.algorithms HS* go with verification.secrets, all others with jwt.publicKeys or jwt.jwksURL: a public key must never be used as a shared secret',
    refused: [jwt({ jwksURL, algorithms: ['RS256', 'HS256'] }), jwt({ algorithms: ['ES256'] }, { secrets })],
    passes: [jwt({ jwksURL, algorithms: ['RS256', 'EdDSA'] }), jwt({ algorithms: ['HS512'] }, { secrets })],
  },
  {
    at: 'spec.verification',
    message:
      'nothing that this verification type checks tells two deliveries apart: set replay.key to Header and replay.header to the header that carries an id (for HMAC, {id} or {timestamp} in hmac.template also does)',
    refused: [
      verification({ replay: {} }),
      verification({ type: 'Dropbox', secrets, replay: {} }),
      verification({ type: 'HMAC', secrets, hmac: { header: 'S' }, replay: {} }),
    ],
    passes: [
      verification({ type: 'GitHub', secrets, replay: {} }),
      verification({ replay: { key: 'Header', header: 'X-Id' } }),
      verification({ type: 'Zoom', secrets, replay: {} }),
      verification({
        type: 'HMAC',
        secrets,
        hmac: { header: 'S', template: '{id}.{body}', idHeader: 'X-Id' },
        replay: {},
      }),
      verification({
        type: 'HMAC',
        secrets,
        hmac: { header: 'S', template: '{timestamp}{body}', timestampHeader: 'T' },
        replay: {},
      }),
      verification({
        type: 'HMAC',
        secrets,
        hmac: { header: 'S' },
        replay: { key: 'Header', header: 'X-Id' },
      }),
    ],
  },
  {
    at: 'spec.verification',
    message:
      'verification.replay.ttl must be a minute more than twice verification.tolerance (for Alexa 4 minutes more, for SNS 61, which counts the hour of its retries): else a call that is still fresh could be replayed',
    refused: [
      verification({ type: 'Stripe', secrets, tolerance: '10m', replay: { ttl: '20m59s' } }),
      verification({ type: 'Alexa', tolerance: '1s', replay: { ttl: '4m' } }),
      verification({ type: 'SNS', sns, replay: { ttl: '70m' } }),
    ],
    passes: [
      verification({ type: 'Stripe', secrets, tolerance: '10m', replay: { ttl: '21m' } }),
      verification({ type: 'Alexa', tolerance: '1s', replay: { ttl: '242s' } }),
      verification({ type: 'SNS', sns, replay: { ttl: '71m' } }),
      // Where no time is signed, a call is never too old.
      verification({ type: 'GitHub', secrets, tolerance: '10m', replay: { ttl: '1m' } }),
    ],
  },
  {
    at: 'spec.verification.tolerance',
    message: 'tolerance is a duration from 1s to 1h, for example 5m',
    refused: ['0s', '61m', 'five minutes', '5', ''].map((tolerance) => verification({ tolerance })),
    passes: ['1s', '1h', '1m30s'].map((tolerance) => verification({ tolerance })),
  },
  {
    at: 'spec.verification.replay',
    message: 'replay.header goes with replay.key Header, and only with it',
    refused: [
      verification({ replay: { key: 'Header' } }),
      verification({ type: 'GitHub', secrets, replay: { key: 'Provider', header: 'X-Id' } }),
    ],
    passes: [verification({ replay: { key: 'Header', header: 'X-Id' } })],
  },
  {
    at: 'spec.verification.replay.ttl',
    message: 'replay.ttl is a duration from 1m to 168h, for example 24h',
    refused: ['169h', '7d', '24'].map((ttl) => verification({ type: 'GitHub', secrets, replay: { ttl } })),
    passes: ['5m', '168h'].map((ttl) => verification({ type: 'GitHub', secrets, replay: { ttl } })),
  },
  {
    at: 'spec.verification.hmac',
    message: 'hmac.template must contain {body}: else the body could be changed without notice',
    refused: [hmac({ template: '{timestamp}', timestampHeader: 'T' })],
    passes: [hmac({ template: 'v0:{body}' })],
  },
  {
    at: 'spec.verification.hmac',
    message:
      '{timestamp} in hmac.template and hmac.timestampHeader go together: a time that is not signed protects nothing',
    refused: [hmac({ template: '{timestamp}.{body}' }), hmac({ timestampHeader: 'T' })],
    passes: [hmac({ template: '{timestamp}.{body}', timestampHeader: 'T' })],
  },
  {
    at: 'spec.verification.hmac',
    message: '{id} in hmac.template and hmac.idHeader go together: an id that is not signed protects nothing',
    refused: [hmac({ template: '{id}.{body}' }), hmac({ idHeader: 'X-Id' })],
    passes: [hmac({ template: '{id}.{body}', idHeader: 'X-Id' })],
  },
  {
    at: 'spec.verification.hmac',
    message:
      '{id} in hmac.template needs text between it and what is next to it, for example {id}.{body}: else one signature could be read with two ids',
    refused: ['{id}{body}', '{body}{id}', '{body}.{id}{timestamp}'].map((template) =>
      hmac({ template, idHeader: 'X-Id', ...(template.includes('time') ? { timestampHeader: 'T' } : {}) }),
    ),
    passes: ['{id}-{body}', 'v1:{id}:{timestamp}{body}'].map((template) =>
      hmac({ template, idHeader: 'X-Id', ...(template.includes('time') ? { timestampHeader: 'T' } : {}) }),
    ),
  },
  {
    at: 'spec.verification.hmac',
    message: 'hmac.publicURL is used only with {url} in hmac.template: add {url} or remove publicURL',
    refused: [hmac({ publicURL: 'https://hooks.example.com/a' })],
    passes: [
      hmac({ template: '{url}{body}', publicURL: 'https://hooks.example.com/a' }),
      hmac({ template: '{url}{body}' }),
    ],
  },
  {
    at: 'spec.verification.jwt.clockSkew',
    message: 'jwt.clockSkew is a duration from 0s to 5m, for example 30s',
    refused: ['6m', '-1s', '30'].map((clockSkew) => jwt({ jwksURL, clockSkew })),
    passes: ['0s', '5m'].map((clockSkew) => jwt({ jwksURL, clockSkew })),
  },
  {
    at: 'spec.auth.basic.username',
    message: 'set exactly one of value and valueFrom',
    refused: [
      { auth: { basic: { username: {} } } },
      { auth: { basic: { username: { value: 'a', valueFrom: { secretKeyRef: { name: 's', key: 'k' } } } } } },
    ],
    passes: [{ auth: { basic: { username: { value: '' } } } }, { auth: { basic: {} } }],
  },
  {
    at: 'spec.auth.bearer.tokens[0].valueFrom',
    message: 'set exactly one of secretKeyRef and configMapKeyRef',
    refused: [
      { auth: { bearer: { tokens: [{ valueFrom: {} }] } } },
      {
        auth: {
          bearer: {
            tokens: [
              {
                valueFrom: {
                  secretKeyRef: { name: 's', key: 'k' },
                  configMapKeyRef: { name: 's', key: 'k' },
                },
              },
            ],
          },
        },
      },
    ],
    passes: [{ auth: { bearer: { tokens: [{ valueFrom: { secretKeyRef: { name: 's', key: 'k' } } }] } } }],
  },
  {
    at: 'spec.response.headers',
    message: "a header name has at most 128 characters: letters, digits and -_.!#$%&'*+^`|~",
    refused: ['X Name', 'X:Name', '', 'ä', 'x'.repeat(129)].map((name) => ({
      response: { headers: { [name]: '1' } },
    })),
    passes: [{ response: { headers: { 'X-Name': 'one two', 'content-type': 'text/plain' } } }],
  },
  {
    at: 'spec.response.headers',
    message:
      "some of these headers are for the server to set, or rule over other webhooks of the same origin: remove those of the connection, of the body's length and coding, of security, cookies, Date and X-Request-Id (all of them: docs/answers.md)",
    refused: ['Content-Length', 'transfer-encoding', 'X-Request-ID', 'Content-Security-Policy'].map(
      (name) => ({
        response: { headers: { [name]: '1' } },
      }),
    ),
    passes: [{ response: { headers: { 'Cache-Control': 'no-store' } } }],
  },
  {
    at: 'spec.response.timeout',
    message: 'response.timeout is a duration from 1s to 60s, for example 30s',
    refused: ['61s', '999ms', '2m', '1 minute', '30'].map((timeout) => ({ response: { timeout } })),
    passes: ['1s', '60s', '1m', '1s500ms'].map((timeout) => ({ response: { timeout } })),
  },
  {
    at: 'spec.limits.rate.window',
    message: 'limits.rate.window is a duration from 1s to 1h, for example 5m',
    refused: ['2h', '500ms', '10'].map((window) => ({ limits: { rate: { window } } })),
    passes: ['1s', '5m', '1h'].map((window) => ({ limits: { rate: { window } } })),
  },
  {
    at: 'spec.limits.payload',
    message: 'limits.payload is a number of bytes, alone or with Ki or Mi, at most 4Mi, for example 256Ki',
    refused: ['5Mi', '4097Ki', '4194305', '1Gi', '0', '1.5Mi', '256 Ki'].map((payload) => ({
      limits: { payload },
    })),
    passes: ['4Mi', '4096Ki', '4194304', '1'].map((payload) => ({ limits: { payload } })),
  },
]

export const CASES: RuleCase[] = [
  ...webhookCases.map((ruleCase): RuleCase => ({ kind: 'Webhook', ...ruleCase })),
  {
    kind: 'Workflow',
    at: '',
    message:
      'metadata.name is at most 63 characters: it is the value of a label on what is made for the Workflow',
    name: 'a'.repeat(64),
    refused: [workflow],
    passes: [workflow],
  },
]
