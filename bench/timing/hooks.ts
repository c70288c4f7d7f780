/** What the server of the bench knows, and its callers guess at. */
export const HOOKS = {
  guarded: { name: 'guarded', token: 'guarded-token-7Yd0qk3mPZ4vX1sB8wLc' },
  exact: { name: 'exact', token: 'exact-token-9Fh2rN6tKJ5uE0gA3oQi' },
  suspended: { name: 'suspended', token: 'suspended-token-4Wc8yV1nMD7zG6eS' },
} as const

export const USER = 'ada'
export const PASSWORD = 'correct horse battery staple'
export const BEARER = 'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.bench.0123456789abcdef'
