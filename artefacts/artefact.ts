/** What sources of artefacts have in common. */

/** Where the artefacts of one kind go. */
export interface ArtefactSink<Artefact> {
  /** Throws when the artefact is not one; the former version stays. */
  put(artefact: Artefact): unknown
  remove(name: ArtefactName): unknown
}

export interface ArtefactName {
  namespace: string
  name: string
}

/** Artefacts that are followed. */
export interface ArtefactFollowing<Artefact> {
  /**
   * Reads one anew, whatever has been followed so far; undefined when it is not there. Rejects when that
   * can't be told now, and on one that is no artefact.
   */
  read(name: ArtefactName): Promise<Artefact | undefined>
  /** Of plans: the one of a former generation, while it is kept. A folder keeps none. */
  readFormer(ref: ArtefactRef): Promise<Artefact | undefined>
  close(): Promise<void>
}

/**
 * A resource as it stood: the same uid and a later generation are a later edit of it, another uid is another
 * resource of its name.
 */
export interface ArtefactRef extends ArtefactName {
  uid: string
  generation: number
}
