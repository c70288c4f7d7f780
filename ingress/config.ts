import { integer, networks, oneOf, optionalBaseUrl, optionalParsed } from '../process/config.ts'
import { COMMON_SETTINGS, healthPort, PUBLIC_URL } from '../process/settings.ts'
import { DEFAULT_LIMITS } from './http/limits.ts'
import { parseOriginMap } from './verify/outbound/origins.ts'

/** Everything that can be set of an ingress process. */
export const INGRESS_SETTINGS = {
  ...COMMON_SETTINGS,
  port: integer({
    env: 'HOOKLET_PORT',
    doc: 'Port to listen on for calls; 0 takes a free one.',
    fallback: 8080,
    min: 0,
    max: 65_535,
  }),
  healthPort: healthPort(8081),
  publicUrl: optionalBaseUrl(PUBLIC_URL),
  certOrigins: optionalParsed(
    {
      env: 'HOOKLET_CERT_ORIGINS',
      doc: 'Where certificates and key sets of providers are fetched from instead, as `https://s3.amazonaws.com=http://127.0.0.1:9000,…`: for tests and mirrors, and for issuers whose address is not public (`https://issuer.internal=https://issuer.internal`). Whoever sets it decides whose signatures are trusted.',
    },
    parseOriginMap,
  ),
  trustedProxies: networks({
    env: 'HOOKLET_TRUSTED_PROXIES',
    doc: 'Addresses and CIDR networks of the proxies in front, separated by commas. Only from them a forwarding header counts; all others are callers themselves.',
    fallback: [],
  }),
  forwardedHeader: oneOf({
    env: 'HOOKLET_FORWARDED_HEADER',
    doc: 'The header in which the trusted proxies name the caller: the one that they write themselves.',
    choices: ['X-Forwarded-For', 'Forwarded'],
    fallback: 'X-Forwarded-For',
  }),
  heldBytes: integer({
    env: 'HOOKLET_HELD_BYTES',
    doc: 'How many bytes of unfinished bodies and messages, and of messages that wait to be stored or read, a process keeps for all callers together. Beyond it, whoever has stalled longest gets a 503, or the close code 1013. A third of the memory of the process at most.',
    fallback: DEFAULT_LIMITS.heldBytes,
    min: 1_048_576,
    max: 17_179_869_184,
  }),
  acceptSeconds: integer({
    env: 'HOOKLET_ACCEPT_SECONDS',
    doc: 'How long, in seconds, calls are still accepted after SIGTERM, with readiness off, so that load balancers notice.',
    fallback: 5,
    min: 0,
    max: 600,
  }),
} as const
