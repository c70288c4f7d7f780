/** The metadata of any Kubernetes object, as far as we read it. */
export interface ObjectMeta {
  name: string
  namespace?: string
  uid?: string
  resourceVersion?: string
  /** Grows with each change of the spec. */
  generation?: number
  /** RFC 3339. */
  creationTimestamp?: string
  /** RFC 3339; present while the object waits for its finalizers. */
  deletionTimestamp?: string
  labels?: Record<string, string>
  annotations?: Record<string, string>
  finalizers?: string[]
}

/** A ConfigMap as the API server returns it. */
export interface ConfigMap {
  apiVersion: 'v1'
  kind: 'ConfigMap'
  metadata: ObjectMeta
  data?: Record<string, string>
  /** Values in base64. */
  binaryData?: Record<string, string>
}

/** A Secret as the API server returns it: `stringData` is merged into `data` when it is written. */
export interface Secret {
  apiVersion: 'v1'
  kind: 'Secret'
  metadata: ObjectMeta
  type?: string
  /** Values in base64. */
  data?: Record<string, string>
}
