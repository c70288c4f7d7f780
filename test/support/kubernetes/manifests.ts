import { readFileSync } from 'node:fs'
import { parseAllDocuments } from 'yaml'
import { CRD_FILES } from '../../../crds/schema.ts'

/** The objects of a file of YAML documents. */
export function readObjects(file: string | URL): object[] {
  return parseAllDocuments(readFileSync(file, 'utf8'))
    .map((document) => document.toJS() as object | null)
    .filter((object) => object !== null)
}

/** Our CustomResourceDefinitions, as a cluster gets them. */
export const CRD_OBJECTS: object[] = CRD_FILES.flatMap(readObjects)
