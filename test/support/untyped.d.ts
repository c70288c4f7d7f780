/** What is used of libraries that bring no types. */
declare module 'alexa-verifier' {
  /** Rejects with the reason when the request is not Amazon's. */
  export default function verify(chainURL: string, signature: string, body: string): Promise<void>
}

declare module 'sns-validator' {
  export default class MessageValidator {
    validate(message: string, done: (error: Error | null) => void): void
  }
}
