import { pino } from 'pino'
import pretty from 'pino-pretty'
import type { Logger } from 'pino'

export type { Logger }

/**
 * What a room needs of a logger; a pino logger is one. Fields first, then a constant message; never a secret,
 * token or body.
 */
export interface Log {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

/**
 * The log of a process, on standard error so that standard output stays for results: readable on a terminal,
 * one JSON object a line elsewhere.
 */
export function createLog({ level, stream }: { level: string; stream: NodeJS.WriteStream }): Logger {
  const options = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
  }
  if (!stream.isTTY) return pino(options, pino.destination({ dest: 2, sync: true }))
  return pino(
    options,
    pretty({ colorize: true, singleLine: true, translateTime: 'HH:MM:ss', sync: true, destination: 2 }),
  )
}
