/** Alexa with a real process: what the environment says of origins and roots, up to the reply of the run. */
import { sign } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { afterEach, expect, test } from '@jest/globals'
import { createCertificate, rsaKeys } from '../support/certificates.ts'
import { spawnHooklet } from '../support/hooklet.ts'
import { startOrigin } from '../support/origin.ts'

const cleanup: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const undo of cleanup.splice(0).toReversed()) await undo()
})

const DAY = 86_400_000
const VALIDITY = { validFrom: Date.now() - DAY, validTo: Date.now() + DAY }
const root = createCertificate({ subject: 'Root', keys: rsaKeys(), ca: true, ...VALIDITY })
const issued = { issuer: root, keys: rsaKeys(), ...VALIDITY }
const leaf = createCertificate({ subject: 'Leaf', dnsNames: ['echo-api.amazon.com'], ...issued })
const server = createCertificate({ subject: 'Server', ipAddresses: ['127.0.0.1'], ...issued })
const CHAIN = '/echo.api/chain.pem'
const TOKEN = 'a-pinned-token-of-a-skill-0123'

const MANIFESTS = `
apiVersion: v1
kind: Secret
metadata: { name: url }
stringData: { token: ${TOKEN} }
---
apiVersion: hooklet.dev/v1alpha1
kind: Webhook
metadata: { name: skill }
spec:
  tokenFrom: { secretKeyRef: { name: url, key: token } }
  verification: { type: Alexa, alexa: { applicationIDs: [amzn1.ask.skill.1] } }
  response: { mode: Reply }
---
apiVersion: hooklet.dev/v1alpha1
kind: Workflow
metadata: { name: skill }
spec:
  triggers: [{ webhook: skill }]
  do: [{ answer: { call: reply, with: { body: '\${ {asked: .body.request.type} }' } } }]
`

/** Serves the manifests, and gives a call of the skill. `trusts`: the process knows the root. */
async function start(storage: string, { trusts }: { trusts: boolean }) {
  const folder = await mkdtemp(path.join(tmpdir(), 'hooklet-alexa-'))
  cleanup.push(() => rm(folder, { recursive: true }))
  await writeFile(path.join(folder, 'skill.yaml'), MANIFESTS)
  await writeFile(path.join(folder, 'root.pem'), root.pem)
  const child = spawnHooklet(['dev', folder, '--port', '0', '--state-dir', path.join(folder, 'state')], {
    HOOKLET_CERT_ORIGINS: `https://s3.amazonaws.com=${storage}`,
    ...(trusts ? { NODE_EXTRA_CA_CERTS: path.join(folder, 'root.pem') } : {}),
  })
  cleanup.push(async () => {
    const exit = child.exitCode === null ? once(child, 'exit') : undefined
    child.kill('SIGKILL')
    await exit
  })
  child.stderr?.resume()
  let url: string | undefined
  if (child.stdout)
    for await (const line of createInterface(child.stdout)) {
      url = /http:\/\/127\.0\.0\.1:\d+\/webhooks\/[\w-]+/.exec(line)?.[0]
      if (url !== undefined) break
    }
  if (url === undefined) throw new Error('it does not serve')
  child.stdout?.resume()

  return async () => {
    const request = { type: 'LaunchRequest', requestId: '1', timestamp: new Date().toISOString() }
    const context = { System: { application: { applicationId: 'amzn1.ask.skill.1' } } }
    const body = JSON.stringify({ version: '1.0', context, request })
    const response = await fetch(url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'signature-256': sign('sha256', Buffer.from(body), leaf.keys.privateKey).toString('base64'),
        signaturecertchainurl: `https://s3.amazonaws.com${CHAIN}`,
      },
      body,
    })
    return { status: response.status, text: await response.text() }
  }
}

test('L17 L23 a request that Amazon signed starts a run, whose reply comes back', async () => {
  const origin = await startOrigin(server)
  cleanup.push(() => origin.close())
  origin.serve(CHAIN, leaf.pem)
  const call = await start(origin.url, { trusts: true })
  expect(await call()).toEqual({ status: 200, text: '{"asked":"LaunchRequest"}' })
  expect(await call()).toEqual({ status: 200, text: '{"asked":"LaunchRequest"}' })
  expect(origin.requests).toEqual([CHAIN])
})

test('without the extra root nobody is trusted: neither the storage nor a chain', async () => {
  const secure = await startOrigin(server)
  const plain = await startOrigin()
  cleanup.push(
    () => secure.close(),
    () => plain.close(),
  )
  plain.serve(CHAIN, leaf.pem)
  const toSecure = await start(secure.url, { trusts: false })
  expect((await toSecure()).status).toBe(503)
  const toPlain = await start(plain.url, { trusts: false })
  expect(await toPlain()).toEqual({ status: 400, text: '{"error":"Verification failed"}' })
  expect(plain.requests).toEqual([CHAIN])
})
