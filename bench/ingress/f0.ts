/** F0, the floor without a state: bare node:http that reads the body and answers. */
import { createServer } from 'node:http'
import { listening } from './listening.ts'

const server = createServer((request, response) => {
  const chunks: Buffer[] = []
  request.on('data', (chunk: Buffer) => chunks.push(chunk))
  request.on('end', () => {
    response.writeHead(200, { 'content-type': 'application/json' }).end('{"success":true}')
  })
})
await listening(server)
