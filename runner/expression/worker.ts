/** A worker thread that runs jq programs one after the other. */
import { parentPort } from 'node:worker_threads'
import { raw } from 'jq-wasm'
import type { Job, Message } from '../threads/messages.ts'

const port = parentPort
if (!port) throw new Error('worker.ts is run as a worker thread')

// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
const post = (message: Message): void => port.postMessage(message)

async function run({ program, input }: Job): Promise<Message> {
  try {
    const { stdout, stderr, exitCode } = await raw(input, program, ['-r'])
    return exitCode === 0 ? { kind: 'output', text: stdout } : { kind: 'failed', text: stderr }
  } catch {
    return { kind: 'aborted' }
  }
}

port.on('message', (job: Job) => void run(job).then(post))
// Loads and compiles jq before the first job's time begins.
await run({ program: '.', input: 'null' })
post({ kind: 'ready' })
