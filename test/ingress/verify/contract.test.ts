import { describe } from '@jest/globals'
import { verifierContract } from '../../contract/verifier.ts'
import { CASES, VARIANTS } from './cases.ts'

describe.each(Object.entries({ ...CASES, ...VARIANTS }))('%s', (_, verifierCase) => {
  verifierContract(verifierCase)
})
