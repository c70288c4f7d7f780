import type { ErrorRequestHandler, Express, Request, RequestHandler, Response } from 'express'
import express from 'express'
import type { AnswerCode } from '../answers.ts'
import type { Log } from '../../process/log.ts'
import type { Sender } from './exchange.ts'
import { openExchange } from './exchange.ts'
import { preparedAnswers } from './prepared.ts'

export interface AppDeps {
  /** Whether new calls can be accepted now. */
  ready: () => Promise<boolean>
  sender: Sender
  newId: () => string
  log: Log
}

/** Everything that is served besides the paths of webhooks. It reads no body. */
export function createApp({ ready, sender, newId, log }: AppDeps): Express {
  const answer = (req: Request, res: Response, code: AnswerCode) =>
    sender.send(openExchange(req, res, newId), preparedAnswers[code])
  const notFound: RequestHandler = (req, res) => answer(req, res, 'NotFound')
  const failed: ErrorRequestHandler = (error: unknown, req: Request, res: Response, next) => {
    if (res.headersSent) {
      next(error)
      return
    }
    log.error({ err: error }, 'request failed')
    answer(req, res, 'Internal')
  }

  const app = express()
  app.disable('x-powered-by')
  app.get('/healthz', (req, res) => answer(req, res, 'Healthy'))
  app.get('/readyz', (req, res) => ready().then((is) => answer(req, res, is ? 'Ready' : 'NotReady')))
  app.use(notFound)
  app.use(failed)
  return app
}
