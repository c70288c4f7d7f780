/**
 * The names that users, the operator and the data plane agree on: group, labels, annotations, finalizers, and
 * the conditions with their reasons. The fields themselves are in `webhook.yaml` and `workflow.yaml`.
 */
export const GROUP = 'hooklet.dev'
export const VERSION = 'v1alpha1'
/** What stands in `apiVersion` of every resource of ours. */
export const API_VERSION = `${GROUP}/${VERSION}`

/** A ConfigMap or Secret with this label and the value `"true"` holds globals of its namespace. */
export const GLOBALS_LABEL = 'hooklet.dev/globals'
/** On a Webhook, with the value `"true"`: deleting it deletes every Workflow that it triggers, too. */
export const INCLUDE_WORKFLOWS_ANNOTATION = 'hooklet.dev/include-workflows'
/** On the Secret that holds a Webhook's URL: the Webhook's name. */
export const WEBHOOK_LABEL = 'hooklet.dev/webhook'
/** Keeps a deleted Webhook until it is out of the data plane. */
export const FINALIZER = 'hooklet.dev/data-plane'

/** The longest `metadata.name` of a Webhook or Workflow: it is used as the value of a label. */
export const MAX_NAME_LENGTH = 63

/** The Secret beside a Webhook that holds its `token` and `url`. */
export const urlSecretName = (webhook: string): string => `${webhook}-webhook-url`

/** What each condition of a Webhook speaks of. */
export const WEBHOOK_CONDITIONS = {
  Ready: 'Calls are answered as the spec says. False: the message says what to do.',
  Protected: 'A call must prove who sends it. False is a warning: anyone who knows the URL may call.',
  Accepted: 'The spec, with everything it refers to, could be compiled into a route.',
} as const

/** What each condition of a Workflow speaks of. */
export const WORKFLOW_CONDITIONS = {
  Ready: 'Calls start the Workflow. False: the message says what to do.',
  Supported:
    'Every construct in the Workflow can be run by this version. False: the message names the tasks.',
} as const

export type WebhookConditionType = keyof typeof WEBHOOK_CONDITIONS
export type WorkflowConditionType = keyof typeof WORKFLOW_CONDITIONS

/** The reasons of conditions, each with what it means and, where it is a failure, what to do. */
export const REASONS = {
  // Ready of both
  Serving: 'All is well: calls are answered, or start the Workflow.',
  Suspended: '`spec.suspend` is true. Set it to false to go on.',

  // Ready and Accepted of a Webhook
  Compiled: 'The spec and everything it refers to could be compiled.',
  Paused: 'All Workflows of the Webhook are suspended; callers are told so and nothing is stored.',
  NotFound:
    'A Secret, ConfigMap, key or global that is referred to does not exist. Create it; callers get 503 until then.',
  EmptyValue:
    'A Secret, ConfigMap or global that must hold a value is empty. Fill it; callers get 503 until then.',
  InvalidExpression: 'An expression in a value has a fault, or failed.',
  InvalidCredentials:
    'A username, password or token can never be sent by a caller, for example a username with a colon.',
  InvalidSecret:
    'A secret or key of the verification can not be used as one, for example a whsec_ secret that is not base64. Correct it; callers get 503 until then.',
  InvalidToken: 'The token of `tokenFrom` does not have 22 to 128 characters of A-Z, a-z, 0-9, - and _.',
  DuplicateToken: 'Another Webhook had the same token first, and keeps it. Give this one another.',
  TokenMissing: 'No token has been made yet.',
  UrlSecretRefused:
    'The Secret NAME-webhook-url could not be written, because of a quota, say, or because there is one that is not of Hooklet. The message says why.',
  TooLarge: 'What it compiles to is larger than an API server keeps. Make it smaller, or split it.',
  PublishRefused:
    "The API server does not take what it compiles to into the operator's namespace, because of a quota or a policy, say. The message says why; it is tried again, and what was published before stays.",
  DeleteRefused:
    'The Webhook is to be deleted, and what has to go before it is not allowed to. The message says what and why; it is tried again.',
  InvalidResponse: 'The static answer can not be sent, for example because its body is too large.',

  // Protected
  Credentials: 'Calls must show credentials (`spec.auth`).',
  Verification: "Calls must carry the provider's signature (`spec.verification`).",
  OpenToAnyone: 'Neither credentials nor a verification is set.',

  // Ready and Supported of a Workflow, besides NotFound and TooLarge
  Supported: 'Every construct can be run.',
  UnsupportedTask: 'A construct of the standard, or of Kubernetes, that can not be run yet.',
  InvalidTask: 'A task has a fault; the message says where.',
  WebhookMissing: 'No Webhook that a trigger names exists in the namespace.',
} as const

export type Reason = keyof typeof REASONS

/** A condition as compile steps make it; the reporter adds `lastTransitionTime`. */
export interface ConditionDraft<Type extends string = string> {
  type: Type
  status: 'True' | 'False' | 'Unknown'
  reason: Reason
  /** A sentence for people: what is so and, if it is a failure, what to do. Holds no secret. */
  message: string
}
