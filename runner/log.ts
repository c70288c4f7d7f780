/** What this room needs of a logger; a pino logger is one. Fields first, then a constant message. */
export interface Log {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}
