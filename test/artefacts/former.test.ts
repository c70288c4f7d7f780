import { describe, expect, test } from '@jest/globals'
import { decodeFormerPlan, encodeFormerPlan, formerPlanName, readFormerPlan } from '../../artefacts/former.ts'
import { ARTEFACT_KEY, ARTEFACT_LABEL, decodeArtefact, encodeArtefact } from '../../artefacts/secret.ts'

const ship = { namespace: 'shop', name: 'ship', uid: 'u-1', generation: 3, secrets: { door: 'geheim' } }
const now = Date.parse('2026-11-21T12:00:00Z')
const former = () => encodeFormerPlan(encodeArtefact(ship, { kind: 'plan', namespace: 'hooklet' }), { now })

describe('the plan of a former generation as a Secret', () => {
  test('comes back as it was, and says whose it is and since when', () => {
    expect(decodeFormerPlan(former())).toEqual(ship)
    expect(readFormerPlan(former())).toEqual({
      namespace: 'shop',
      name: 'ship',
      uid: 'u-1',
      generation: 3,
      retiredAt: now,
    })
  })

  test('is none of the artefacts that are followed, and can not be changed', () => {
    expect(former().metadata.labels).not.toHaveProperty([ARTEFACT_LABEL])
    expect(former().immutable).toBe(true)
    expect(() => decodeArtefact(former(), 'plan')).toThrow('is not labelled as a plan')
  })

  test('says nothing secret outside of data', () => {
    expect(JSON.stringify({ ...former(), data: {} })).not.toContain('geheim')
  })

  test('has a name of its own for each generation of each Workflow, however often one of that name was made', () => {
    const names = [ship, { ...ship, generation: 4 }, { ...ship, uid: 'u-2' }].map(formerPlanName)
    expect(new Set(names).size).toBe(3)
    const longest = { namespace: 'n'.repeat(63), name: 'w'.repeat(63), uid: 'u'.repeat(36), generation: 1e9 }
    expect(formerPlanName(longest).length).toBeLessThanOrEqual(253)
  })

  test('is not taken under another name, with another content or without its label', () => {
    const renamed = former()
    renamed.metadata.name = formerPlanName({ ...ship, generation: 4 })
    expect(() => decodeFormerPlan(renamed)).toThrow('keeps the plan of another generation')
    const changed = { ...former(), data: { [ARTEFACT_KEY]: Buffer.from('{}').toString('base64') } }
    expect(() => decodeFormerPlan(changed)).toThrow('was changed by someone else than the operator')
    const plan = encodeArtefact(ship, { kind: 'plan', namespace: 'hooklet' })
    expect(() => decodeFormerPlan(plan)).toThrow('is not labelled as a former plan')
    delete plan.metadata.annotations
    expect(() => encodeFormerPlan(plan, { now })).toThrow('does not say of which Workflow it is')
    expect(readFormerPlan(plan)).toBeUndefined()
  })
})
