import { isIPv4, isIPv6 } from 'node:net'

/**
 * The configuration of a process: declared once, read from the environment once, frozen. The reference page
 * `docs/reference/configuration.md` is generated from the declarations.
 */

/** One setting. `parse` throws an Error whose message says what is wanted. */
export interface Setting<Value> {
  /** The environment variable. */
  env: string
  /** What it is for, with units; a sentence of the reference page. */
  doc: string
  /** What the page shows as default; absent when the setting is required. */
  shown?: string
  /** Without a value it is undefined. */
  optional?: boolean
  fallback?: Value
  parse(text: string): Value
  /** Its value may never be printed. */
  secret?: boolean
}

export type Settings = Record<string, Setting<unknown>>
export type Config<S extends Settings> = {
  readonly [Name in keyof S]: S[Name] extends Setting<infer Value> ? Value : never
}

/**
 * The environment does not fit the declarations; the message has a line for each fault and no values of
 * secrets.
 */
export class ConfigError extends Error {
  override name = 'ConfigError'
}

type Options<Value> = { env: string; doc: string; fallback?: Value; secret?: boolean }

export function text(options: Options<string>): Setting<string> {
  return declare(options, (value) => value)
}

export function optionalText(options: Omit<Options<string>, 'fallback'>): Setting<string | undefined> {
  return { ...declare<string | undefined>(options, (value) => value), optional: true }
}

/** An http or https URL without user, query and fragment; given on without a slash at its end. */
export function optionalBaseUrl(options: Omit<Options<string>, 'fallback'>): Setting<string | undefined> {
  return { ...declare<string | undefined>(options, parseBaseUrl), optional: true }
}

/** As {@link optionalBaseUrl}, where there is a default. */
export function baseUrl(options: Options<string>): Setting<string> {
  return declare(options, parseBaseUrl)
}

/** A value in a form of its own. `parse` throws an Error whose message says what is wanted. */
export function optionalParsed<Value>(
  options: Omit<Options<Value>, 'fallback'>,
  parse: (text: string) => Value,
): Setting<Value | undefined> {
  return { ...declare<Value | undefined>(options, parse), optional: true }
}

function parseBaseUrl(value: string): string {
  const url = URL.parse(value)
  const plain = url && url.username + url.password + url.search + url.hash === ''
  if (!plain || !/^https?:$/.test(url.protocol)) throw new Error('must be an http or https URL without query')
  return value.replace(/\/+$/, '')
}

/** Addresses and CIDR networks, separated by commas. */
export function networks(options: Options<string[]>): Setting<string[]> {
  return declare(options, parseNetworks)
}

export function parseNetworks(value: string): string[] {
  const all = value
    .split(',')
    .map((network) => network.trim())
    .filter((network) => network !== '')
  for (const network of all) {
    const [address = '', prefix, ...rest] = network.split('/')
    const bits = isIPv4(address) ? 32 : isIPv6(address) ? 128 : -1
    const fits = prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= bits)
    if (bits < 0 || rest.length > 0 || !fits)
      throw new Error('must be addresses and CIDR networks such as 10.0.0.0/8, separated by commas')
  }
  return all
}

/** A whole number from `min` to `max`. */
export function integer(options: Options<number> & { min: number; max: number }): Setting<number> {
  const { min, max } = options
  return declare(options, (value) => {
    const number = Number(value)
    if (!/^-?\d+$/.test(value) || number < min || number > max)
      throw new Error(`must be a whole number from ${min} to ${max}`)
    return number
  })
}

/** As {@link integer}, where there may be none. */
export function optionalInteger(
  options: Omit<Options<number>, 'fallback'> & { min: number; max: number },
): Setting<number | undefined> {
  return { ...integer(options), optional: true }
}

export function oneOf<const Choice extends string>(
  options: Options<Choice> & { choices: readonly Choice[] },
): Setting<Choice> {
  const { choices } = options
  return declare(options, (value) => {
    const choice = choices.find((candidate) => candidate === value)
    if (choice === undefined) throw new Error(`must be one of ${choices.join(', ')}`)
    return choice
  })
}

/** `true` or `false`. */
export function flag(options: Options<boolean>): Setting<boolean> {
  return declare(options, (value) => {
    if (value !== 'true' && value !== 'false') throw new Error('must be true or false')
    return value === 'true'
  })
}

/** Words with commas between them, each once; none when it is not set. */
export function words(options: Omit<Options<string[]>, 'fallback'>): Setting<string[]> {
  return { ...declare(options, parseWords), fallback: [], optional: true }
}

function parseWords(value: string): string[] {
  const given = value.split(',').map((word) => word.trim())
  return [...new Set(given.filter((word) => word !== ''))]
}

function declare<Value>(options: Options<Value>, parse: (text: string) => Value): Setting<Value> {
  const { env, doc, fallback, secret } = options
  return {
    env,
    doc,
    parse,
    ...(fallback === undefined ? {} : { fallback, shown: String(fallback) || 'none' }),
    ...(secret === undefined ? {} : { secret }),
  }
}

/**
 * Reads every setting. An empty variable counts as absent.
 * @throws {ConfigError} that names every variable that is missing or wrong.
 */
export function readConfig<S extends Settings>(settings: S, env: NodeJS.ProcessEnv): Config<S> {
  const faults: string[] = []
  const values = Object.entries(settings).map(([name, setting]): [string, unknown] => {
    const given = env[setting.env]
    if (given === undefined || given === '') {
      if (setting.fallback === undefined && setting.optional !== true)
        faults.push(`${setting.env} is not set: ${setting.doc}`)
      return [name, setting.fallback]
    }
    try {
      return [name, setting.parse(given)]
    } catch (error) {
      const shown = setting.secret ? '' : ` (is ${JSON.stringify(given)})`
      faults.push(`${setting.env} ${(error as Error).message}${shown}`)
      return [name, undefined]
    }
  })
  if (faults.length > 0) throw new ConfigError(faults.join('\n'))
  return Object.freeze(Object.fromEntries(values)) as Config<S>
}
