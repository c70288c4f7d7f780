import { integer, optionalBaseUrl } from '../process/config.ts'
import { COMMON_SETTINGS } from '../process/settings.ts'

/** Everything that can be set of an ingress process. */
export const INGRESS_SETTINGS = {
  ...COMMON_SETTINGS,
  port: integer({
    env: 'HOOKLET_PORT',
    doc: 'Port to listen on for calls and probes; 0 takes a free one.',
    fallback: 8080,
    min: 0,
    max: 65_535,
  }),
  publicUrl: optionalBaseUrl({
    env: 'HOOKLET_PUBLIC_URL',
    doc: 'What callers see in front of `/webhooks/`, for example `https://hooks.example.com`. Needed for providers that sign the URL (Twilio, Square).',
  }),
  acceptSeconds: integer({
    env: 'HOOKLET_ACCEPT_SECONDS',
    doc: 'How long, in seconds, calls are still accepted after SIGTERM, with readiness off, so that load balancers notice.',
    fallback: 5,
    min: 0,
    max: 600,
  }),
} as const
