import { stripTypeScriptTypes } from 'node:module'

/** Jest's transformer: the same erasure of types that Node applies when it runs a `.ts` file. */
export default { process: (source) => ({ code: stripTypeScriptTypes(source) }) }
