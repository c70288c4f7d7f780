import { sign } from 'node:crypto'
import type { KeyObject } from 'node:crypto'

export type Members = Record<string, unknown>

const SIGNED = ['Message', 'MessageId', 'Subject', 'SubscribeURL', 'Timestamp', 'Token', 'TopicArn', 'Type']

/**
 * A message as Amazon SNS signs it, "Verifying the signatures of Amazon SNS messages": names and values of
 * these members, in the order of their names, each on a line.
 */
export function signedAsSNS(
  members: Members,
  { version, key, url }: { version: '1' | '2'; key: KeyObject; url: string },
): Members {
  const text = SIGNED.filter((name) => members[name] !== undefined && members[name] !== null)
    .map((name) => `${name}\n${String(members[name])}\n`)
    .join('')
  return {
    ...members,
    SignatureVersion: version,
    Signature: sign(version === '1' ? 'sha1' : 'sha256', Buffer.from(text), key).toString('base64'),
    SigningCertURL: url,
  }
}
