/** The case of each verifier for the contract suite. A verifier without one does not build. */
import { createHash, createHmac, generateKeyPairSync, sign as signWith } from 'node:crypto'
import { sign as signGitHub } from '@octokit/webhooks-methods'
import { Webhook as StandardWebhook } from 'standardwebhooks'
import { Stripe } from 'stripe'
import { Webhook as SvixWebhook } from 'svix'
import twilio from 'twilio'
import type { HmacSettings } from '../../../ingress/route.ts'
import type { VERIFIERS } from '../../../ingress/verify/registry.ts'
import type { Headers, Message, VerifierCase } from '../../contract/verifier.ts'
import { ALEXA, DISCORD, JWT, JWT_WITH_KEY_SET, JWT_WITH_PUBLIC_KEYS, SNS } from './public-key-cases.ts'

const SECRETS = {
  current: "It's a Secret to Everybody",
  next: 'the-next-signing-secret-0123456789',
  stranger: 'a-secret-that-nobody-knows-here-42',
} as const
const WHSEC = {
  current: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
  next: `whsec_${Buffer.alloc(32, 7).toString('base64')}`,
  stranger: `whsec_${Buffer.alloc(32, 9).toString('base64')}`,
} as const

type Key = string | Buffer
type Encoding = 'hex' | 'base64' | 'base64url'

function hmac(algorithm: string, key: Key, encoding: Encoding, ...parts: (string | Buffer)[]): string {
  const mac = createHmac(algorithm, key)
  for (const part of parts) mac.update(part)
  return mac.digest(encoding)
}

const secondsOf = ({ time, timeText }: Message): string => timeText ?? String(Math.floor(time / 1000))

const secretsOf = (type: string, secrets: Record<'current' | 'next', string>) => ({
  verification: { type, secrets: [secrets.current], toleranceMs: 300_000 },
  rotated: { type, secrets: [secrets.next, secrets.current], toleranceMs: 300_000 },
  secrets: Object.values(secrets),
})
const FIVE_MINUTES = { pastMs: 300_000, futureMs: 300_000 }

/** Where a library takes bytes only as text, others are signed by the published formula. */
const isText = (body: Buffer): boolean => Buffer.from(body.toString('utf8')).equals(body) && body.length > 0

const form = (text: string): Buffer => Buffer.from(text)
const FORM_TYPE: Headers = [['content-type', 'application/x-www-form-urlencoded']]

const ED25519 = {
  current: generateKeyPairSync('ed25519'),
  next: generateKeyPairSync('ed25519'),
  stranger: generateKeyPairSync('ed25519'),
}

const publicKeyOf = (signer: 'current' | 'next'): string =>
  `whpk_${ED25519[signer].publicKey.export({ format: 'der', type: 'spki' }).subarray(-32).toString('base64')}`

/** Who signs under which names. */
const LIBRARIES = { webhook: StandardWebhook, svix: SvixWebhook }

function signStandard(message: Message, prefix: keyof typeof LIBRARIES): Headers {
  const { body, signer } = message
  const id = 'msg_p5jXN8AQM9LWM0D4loKWxJek'
  const seconds = secondsOf(message)
  const signature =
    isText(body) && message.timeText === undefined
      ? new LIBRARIES[prefix](WHSEC[signer]).sign(id, new Date(message.time), body.toString('utf8'))
      : `v1,${hmac('sha256', Buffer.from(WHSEC[signer].slice(6), 'base64'), 'base64', `${id}.${seconds}.`, body)}`
  return [
    [`${prefix}-id`, id],
    [`${prefix}-timestamp`, seconds],
    [`${prefix}-signature`, signature],
  ]
}

/** The parameters of a form as Twilio's library takes them. */
export function parametersOf(form: string): Record<string, string | string[]> {
  const pairs = new URLSearchParams(form)
  return Object.fromEntries(
    [...new Set(pairs.keys())].map((name) => {
      // An array of this realm: the library asks for instances.
      const values = [...pairs.getAll(name)]
      return [name, values.length > 1 ? values : (values[0] ?? '')]
    }),
  )
}

const graphBody = (...states: string[]): Buffer =>
  Buffer.from(
    JSON.stringify({ value: states.map((clientState) => ({ clientState, changeType: 'created' })) }),
  )

export const CASES: Record<keyof typeof VERIFIERS, VerifierCase> = {
  Alexa: ALEXA,
  SNS,
  Discord: DISCORD,
  JWT,

  GitHub: {
    ...secretsOf('GitHub', SECRETS),
    checked: ['x-hub-signature-256'],
    async sign({ body, signer }) {
      const secret = SECRETS[signer]
      const signature = isText(body)
        ? await signGitHub(secret, body.toString('utf8'))
        : `sha256=${hmac('sha256', secret, 'hex', body)}`
      return [['x-hub-signature-256', signature]]
    },
  },

  GitLab: {
    verification: { type: 'GitLab', secrets: [SECRETS.current] },
    rotated: { type: 'GitLab', secrets: [SECRETS.next, SECRETS.current] },
    secrets: Object.values(SECRETS),
    checked: ['x-gitlab-token'],
    coversBody: false,
    sign: ({ signer }) => [['x-gitlab-token', SECRETS[signer]]],
  },

  Stripe: {
    ...secretsOf('Stripe', WHSEC),
    checked: ['stripe-signature'],
    lists: ['stripe-signature'],
    tolerance: FIVE_MINUTES,
    sign(message) {
      const { body, signer } = message
      const secret = WHSEC[signer]
      if (isText(body) && message.timeText === undefined) {
        const timestamp = Math.floor(message.time / 1000)
        const payload = body.toString('utf8')
        return [
          ['stripe-signature', Stripe.webhooks.generateTestHeaderString({ payload, secret, timestamp })],
        ]
      }
      const seconds = secondsOf(message)
      return [['stripe-signature', `t=${seconds},v1=${hmac('sha256', secret, 'hex', `${seconds}.`, body)}`]]
    },
  },

  Slack: {
    ...secretsOf('Slack', SECRETS),
    checked: ['x-slack-signature', 'x-slack-request-timestamp'],
    tolerance: FIVE_MINUTES,
    sign(message) {
      const seconds = secondsOf(message)
      return [
        ['x-slack-request-timestamp', seconds],
        [
          'x-slack-signature',
          `v0=${hmac('sha256', SECRETS[message.signer], 'hex', `v0:${seconds}:`, message.body)}`,
        ],
      ]
    },
  },

  Shopify: {
    ...secretsOf('Shopify', SECRETS),
    checked: ['x-shopify-hmac-sha256'],
    sign: ({ body, signer }) => [['x-shopify-hmac-sha256', hmac('sha256', SECRETS[signer], 'base64', body)]],
  },

  Square: {
    ...secretsOf('Square', SECRETS),
    checked: ['x-square-hmacsha256-signature'],
    rest: '/square?account=1%2F2',
    sign: ({ body, url, signer }) => [
      ['x-square-hmacsha256-signature', hmac('sha256', SECRETS[signer], 'base64', url, body)],
    ],
  },

  StandardWebhooks: {
    ...secretsOf('StandardWebhooks', WHSEC),
    checked: ['webhook-id', 'webhook-timestamp', 'webhook-signature'],
    lists: ['webhook-signature'],
    tolerance: FIVE_MINUTES,
    sign: (message) => signStandard(message, 'webhook'),
  },

  PagerDuty: {
    ...secretsOf('PagerDuty', SECRETS),
    checked: ['x-pagerduty-signature'],
    lists: ['x-pagerduty-signature'],
    sign: ({ body, signer }) => [
      ['x-pagerduty-signature', `v1=${hmac('sha256', SECRETS[signer], 'hex', body)}`],
    ],
  },

  Zoom: {
    ...secretsOf('Zoom', SECRETS),
    checked: ['x-zm-signature', 'x-zm-request-timestamp'],
    tolerance: FIVE_MINUTES,
    sign(message) {
      const seconds = secondsOf(message)
      return [
        ['x-zm-request-timestamp', seconds],
        [
          'x-zm-signature',
          `v0=${hmac('sha256', SECRETS[message.signer], 'hex', `v0:${seconds}:`, message.body)}`,
        ],
      ]
    },
  },

  X: {
    ...secretsOf('X', SECRETS),
    checked: ['x-twitter-webhooks-signature'],
    alsoPass: [form('{"a" :\t1,\n\n"b":[ ]}  \n'), Buffer.from([0x7b, 0xff, 0x7d])],
    // An event begins with a brace, so that no answer to a challenge is one.
    oddPass: ['no valid UTF-8'],
    sign: ({ body, signer }) => [
      ['x-twitter-webhooks-signature', `sha256=${hmac('sha256', SECRETS[signer], 'base64', body)}`],
    ],
  },

  Dropbox: {
    ...secretsOf('Dropbox', SECRETS),
    checked: ['x-dropbox-signature'],
    sign: ({ body, signer }) => [['x-dropbox-signature', hmac('sha256', SECRETS[signer], 'hex', body)]],
  },

  Facebook: {
    verification: { type: 'Facebook', code: 'verify-token', secrets: [SECRETS.current] },
    rotated: { type: 'Facebook', code: 'verify-token', secrets: [SECRETS.next, SECRETS.current] },
    secrets: ['verify-token', ...Object.values(SECRETS)],
    checked: ['x-hub-signature-256'],
    sign: ({ body, signer }) => [
      ['x-hub-signature-256', `sha256=${hmac('sha256', SECRETS[signer], 'hex', body)}`],
    ],
  },

  Fitbit: {
    verification: { type: 'Fitbit', code: 'verification-code', secrets: [SECRETS.current] },
    rotated: { type: 'Fitbit', code: 'verification-code', secrets: [SECRETS.next, SECRETS.current] },
    secrets: ['verification-code', ...Object.values(SECRETS)],
    checked: ['x-fitbit-signature'],
    refusedWith: 404,
    sign: ({ body, signer }) => [['x-fitbit-signature', hmac('sha1', `${SECRETS[signer]}&`, 'base64', body)]],
  },

  Twilio: {
    ...secretsOf('Twilio', SECRETS),
    checked: ['x-twilio-signature'],
    rest: '/sms?from=a%2Fb&x=1',
    body: form('ToCountry=US&Body=Hello%2C+W%C3%B6rld+%26+more&Empty=&From=%2B14158675310&a=2&a=1&a=2'),
    alsoPass: [form('Digits=1'), Buffer.alloc(0), form('b=1&A=2&%C3%A4=3&a=4')],
    // Anything is a form, if it is text.
    oddPass: ['odd whitespace', 'a byte order mark', 'more than one packet', 'nothing'],
    sign({ body, url, signer }) {
      const parameters = parametersOf(body.toString('utf8'))
      const signature = twilio.getExpectedTwilioSignature(SECRETS[signer], url, parameters)
      return [...FORM_TYPE, ['x-twilio-signature', signature]]
    },
  },

  MicrosoftGraph: {
    verification: { type: 'MicrosoftGraph', secrets: [SECRETS.current] },
    rotated: { type: 'MicrosoftGraph', secrets: [SECRETS.next, SECRETS.current] },
    secrets: Object.values(SECRETS),
    checked: [],
    body: (signer) => graphBody(SECRETS.current, SECRETS[signer]),
    alsoPass: [form(`\n{ "value" :[\t{"clientState": ${JSON.stringify(SECRETS.current)} }]}`)],
    coversBody: false,
    sign: () => [],
  },

  CloudEvents: {
    verification: {
      type: 'CloudEvents',
      cloudEvents: {
        allowedOrigins: ['current.example.com'],
        allowedRate: 120,
        accessTokenInQuery: false,
      },
    },
    secrets: [],
    // Any value of these will do, so that tests of their own show what is refused. Who sends is proven by the
    // webhook's credentials.
    checked: [],
    coversBody: false,
    refusedWith: 403,
    sign: ({ signer }) => [
      ['origin', `${signer}.example.com`],
      ['ce-specversion', '1.0'],
      ['ce-id', '1'],
      ['ce-source', '/orders'],
      ['ce-type', 'order.paid'],
    ],
  },

  HMAC: hmacCase(
    {
      header: 'X-Signature',
      algorithm: 'SHA512',
      encoding: 'Base64URL',
      prefix: 'v1=',
      template: 'v1:{id}:{timestamp}:{url}\n{body}',
      timestampHeader: 'X-Time',
      timestampFormat: 'UnixSeconds',
      idHeader: 'X-Id',
      keyEncoding: 'Text',
    },
    ({ body, url, signer }, seconds) =>
      `v1=${hmac('sha512', SECRETS[signer], 'base64url', `v1:id-1:${seconds}:${url}\n`, body)}`,
  ),
}

function hmacCase(
  settings: HmacSettings,
  signature: (message: Message, seconds: string) => string,
): VerifierCase {
  const { verification, rotated, secrets } = secretsOf('HMAC', SECRETS)
  return {
    verification: { ...verification, hmac: settings },
    rotated: { ...rotated, hmac: settings },
    secrets,
    checked: ['x-signature', 'x-time', 'x-id'],
    tolerance: FIVE_MINUTES,
    sign(message) {
      const seconds = secondsOf(message)
      return [
        ['x-signature', signature(message, seconds)],
        ['x-time', seconds],
        ['x-id', 'id-1'],
      ]
    },
  }
}

/** Further forms of a protocol that the suite runs on, by name. */
export const VARIANTS: Record<string, VerifierCase> = {
  'JWT with public keys': JWT_WITH_PUBLIC_KEYS,
  'JWT with a key set': JWT_WITH_KEY_SET,

  'GitLab with a signing token': {
    ...secretsOf('GitLab', WHSEC),
    verification: {
      type: 'GitLab',
      secrets: [WHSEC.current],
      toleranceMs: 300_000,
      gitlab: { mode: 'Signature' },
    },
    rotated: {
      type: 'GitLab',
      secrets: [WHSEC.next, WHSEC.current],
      toleranceMs: 300_000,
      gitlab: { mode: 'Signature' },
    },
    checked: ['webhook-id', 'webhook-timestamp', 'webhook-signature'],
    lists: ['webhook-signature'],
    tolerance: FIVE_MINUTES,
    sign: (message) => signStandard(message, 'webhook'),
  },

  'StandardWebhooks with the names of Svix': {
    ...secretsOf('StandardWebhooks', WHSEC),
    checked: ['svix-id', 'svix-timestamp', 'svix-signature'],
    lists: ['svix-signature'],
    tolerance: FIVE_MINUTES,
    sign: (message) => signStandard(message, 'svix'),
  },

  'StandardWebhooks with Ed25519': {
    ...secretsOf('StandardWebhooks', { current: publicKeyOf('current'), next: publicKeyOf('next') }),
    secrets: [],
    checked: ['webhook-id', 'webhook-timestamp', 'webhook-signature'],
    lists: ['webhook-signature'],
    tolerance: FIVE_MINUTES,
    sign(message) {
      const seconds = secondsOf(message)
      const signed = Buffer.concat([Buffer.from(`msg_1.${seconds}.`), message.body])
      const signature = signWith(null, signed, ED25519[message.signer].privateKey).toString('base64')
      return [
        ['webhook-id', 'msg_1'],
        ['webhook-timestamp', seconds],
        ['webhook-signature', `v1a,${signature}`],
      ]
    },
  },

  'Shopify with the names of event webhooks': {
    ...secretsOf('Shopify', SECRETS),
    checked: ['shopify-hmac-sha256'],
    sign: ({ body, signer }) => [['shopify-hmac-sha256', hmac('sha256', SECRETS[signer], 'base64', body)]],
  },

  'Twilio with a JSON body': {
    ...secretsOf('Twilio', SECRETS),
    checked: ['x-twilio-signature'],
    body: form('{"CallSid":"CA1"}'),
    alsoPass: [],
    // The hash stands in the URL, so that a changed body is a matter of Twilio's own tests.
    rest: `/events?bodySHA256=${createHash256('{"CallSid":"CA1"}')}`,
    sign({ url, body, signer }) {
      // A URL without the hash would be signed for a request without a body, too.
      const { searchParams } = new URL(url)
      const signed = searchParams.has('bodySHA256')
        ? url
        : `${url}?bodySHA256=${createHash256(body.toString())}`
      const signature = twilio.getExpectedTwilioSignature(SECRETS[signer], signed, {})
      return [
        ['content-type', 'application/json'],
        ['x-twilio-signature', signature],
      ]
    },
  },

  'HMAC of the body alone, in hex with a hex key': hmacPlain(
    { algorithm: 'SHA1', encoding: 'Hex', keyEncoding: 'Hex' },
    { current: '00ff10', next: 'abcdef0123', stranger: '11' },
    (key, body) => hmac('sha1', Buffer.from(key, 'hex'), 'hex', body),
  ),
  'HMAC of the body alone, in base64 with a base64 key': hmacPlain(
    { algorithm: 'SHA384', encoding: 'Base64', keyEncoding: 'Base64' },
    { current: 'AP8Q', next: 'q83vASM=', stranger: 'EQ==' },
    (key, body) => hmac('sha384', Buffer.from(key, 'base64'), 'base64', body),
  ),
}

function createHash256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

function hmacPlain(
  change: Pick<HmacSettings, 'algorithm' | 'encoding' | 'keyEncoding'>,
  keys: Record<Message['signer'], string>,
  signature: (key: string, body: Buffer) => string,
): VerifierCase {
  const { verification, rotated } = secretsOf('HMAC', keys)
  const settings: HmacSettings = {
    header: 'X-Signature',
    prefix: '',
    template: '{body}',
    timestampFormat: 'UnixSeconds',
    ...change,
  }
  return {
    verification: { ...verification, hmac: settings },
    rotated: { ...rotated, hmac: settings },
    secrets: [],
    checked: ['x-signature'],
    sign: ({ body, signer }) => [['x-signature', signature(keys[signer], body)]],
  }
}
