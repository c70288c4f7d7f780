import { afterAll, describe, expect, test } from '@jest/globals'
import type { Json } from '../../../state/event.ts'
import { createWorkbench, workflow } from './harness.ts'

const bench = createWorkbench()
afterAll(() => bench.close())

interface Row {
  name: string
  tasks: string
  spec?: string
  body?: Json
  output?: Json
  error?: { type: string; instance: string; status?: number; title?: string; detail?: string }
  naps?: number[]
}

const BASE = 'https://open-workflow-specification.org/spec/1.0.0/errors/'

async function expectRow({ tasks, spec, body, output, error, naps }: Row): Promise<void> {
  const trial = await bench.run(workflow(tasks, spec), body === undefined ? {} : { body })
  if (error) {
    const type = error.type.includes(':') ? error.type : BASE + error.type
    expect(trial.outcome).toMatchObject({ kind: 'failed', error: { ...error, type } })
  } else expect(trial.outcome).toEqual({ kind: 'completed', output })
  if (naps) expect(trial.naps).toEqual(naps)
}

const ROWS: Record<string, Row[]> = {
  set: [
    { name: 'a literal', tasks: '- a: {set: {x: [1, two, null]}}', output: { x: [1, 'two', null] } },
    {
      name: 'an expression over the input',
      tasks: "- a: {set: {x: '${ .body.n + 1 }'}}",
      body: { n: 1 },
      output: { x: 2 },
    },
    { name: 'the whole value as an expression', tasks: "- a: {set: '${ .body }'}", body: [1], output: [1] },
    { name: 'no output is null', tasks: "- a: {set: {x: '${ empty }'}}", output: { x: null } },
    {
      name: 'more than one output is an expression error',
      tasks: "- a: {set: {x: '${ 1, 2 }'}}",
      error: { type: 'expression', instance: '/do/0/a' },
    },
  ],
  'data flow': [
    {
      name: 'the output of a task is the input of the next, the call stays at $workflow.input',
      tasks: "- a: {set: {x: 1}}\n- b: {set: {y: '${ .x }', call: '${ $workflow.input.body }'}}",
      body: 'B',
      output: { y: 1, call: 'B' },
    },
    {
      name: 'input.from, output.as, export.as and $context',
      tasks: `
- a:
    input: {from: .body}
    set: {x: '\${ .n }'}
    output: {as: .x}
    export: {as: '\${ {kept: .} }'}
- b: {set: {context: '\${ $context }', input: '\${ . }'}}`,
      body: { n: 7 },
      output: { context: { kept: 7 }, input: 7 },
    },
    {
      name: 'the workflow has input and output, too',
      tasks: "- a: {set: {x: '${ . }'}}",
      spec: "input: {from: .body.n}\noutput: {as: '${ {result: .x} }'}",
      body: { n: 3 },
      output: { result: 3 },
    },
    {
      name: 'if skips a task',
      tasks: '- a: {if: .body == "no", set: {x: 1}}\n- b: {set: {skipped: \'${ .x == null }\'}}',
      body: 'yes',
      output: { skipped: true },
    },
    {
      name: 'a schema that the input does not fit',
      tasks: '- a:\n    input: {schema: {document: {type: object, required: [nope]}}}\n    set: {x: 1}',
      error: { type: 'validation', instance: '/do/0/a', status: 400 },
    },
    {
      name: 'variables that describe the run',
      tasks:
        "- a: {set: {task: '${ $task.name }', at: '${ $task.reference }', name: '${ $workflow.definition.document.name }'}}",
      output: { task: 'a', at: '/do/0/a', name: 'trial' },
    },
  ],
  then: [
    {
      name: 'goes to a task of the list',
      tasks: "- a: {set: {x: 1}, then: c}\n- b: {set: {x: 2}}\n- c: {set: {y: '${ .x }'}}",
      output: { y: 1 },
    },
    {
      name: 'end ends the workflow',
      tasks: '- a: {do: [{b: {set: {x: 1}, then: end}}]}\n- c: {set: {x: 2}}',
      output: { x: 1 },
    },
    {
      name: 'exit leaves the list',
      tasks:
        "- a:\n    do:\n    - b: {set: {x: 1}, then: exit}\n    - c: {set: {x: 2}}\n- d: {set: {y: '${ .x }'}}",
      output: { y: 1 },
    },
    {
      name: 'an endless loop ends',
      tasks: '- a: {set: {x: 1}}\n- b: {set: {x: 1}, then: a}',
      error: { type: 'runtime', instance: '/do/0/a' },
    },
  ],
  switch: [
    {
      name: 'the first case that holds decides',
      tasks:
        '- s:\n    switch:\n    - one: {when: .body == 1, then: a}\n    - two: {when: .body < 3, then: b}\n    - rest: {then: end}\n- a: {set: A, then: end}\n- b: {set: B, then: end}'
          .replaceAll('set: A', 'set: {r: A}')
          .replaceAll('set: B', 'set: {r: B}'),
      body: 2,
      output: { r: 'B' },
    },
    {
      name: 'without a case that holds it goes on',
      tasks: '- s:\n    switch:\n    - one: {when: .body == 1, then: end}\n- a: {set: {r: on}}',
      body: 5,
      output: { r: 'on' },
    },
  ],
  for: [
    {
      name: 'each and at, and the output of a round is the input of the next',
      tasks:
        "- init: {set: {sum: 0}}\n- loop:\n    for: {each: n, in: '$workflow.input.body', at: i}\n    do:\n    - add: {set: {sum: '${ .sum + $n * $i }'}}",
      body: [5, 6, 7],
      output: { sum: 20 },
    },
    {
      name: 'while ends it',
      tasks:
        "- init: {set: {sum: 0}}\n- loop:\n    for: {each: n, in: '$workflow.input.body'}\n    while: .sum < 3\n    do:\n    - add: {set: {sum: '${ .sum + $n }'}}",
      body: [2, 2, 2, 2],
      output: { sum: 4 },
    },
    {
      name: 'over nothing it gives on what it got',
      tasks:
        "- init: {set: {x: 1}}\n- loop:\n    for: {each: n, in: '${ [] }'}\n    do:\n    - add: {set: {x: 2}}",
      output: { x: 1 },
    },
    {
      name: 'over what is no array it is a validation error',
      tasks: "- loop:\n    for: {each: n, in: '${ 5 }'}\n    do:\n    - add: {set: {x: 2}}",
      error: { type: 'validation', instance: '/do/0/loop' },
    },
  ],
  raise: [
    {
      name: 'an error of the author, with computed parts',
      tasks:
        "- a:\n    raise:\n      error: {type: 'https://example.com/e', status: 418, title: '${ .body }', detail: d}",
      body: 'tea',
      error: { type: 'https://example.com/e', status: 418, title: 'tea', detail: 'd', instance: '/do/0/a' },
    },
  ],
  'try and catch': [
    {
      name: 'the error is a variable of catch.do',
      tasks:
        "- t:\n    try:\n    - a: {set: {x: '${ 1 + {} }'}}\n    catch:\n      as: e\n      do:\n      - c: {set: {type: '${ $e.type | split(\"/\") | last }', at: '${ $e.instance }'}}",
      output: { type: 'expression', at: '/do/0/t/try/0/a' },
    },
    {
      name: 'errors.with selects, by the former URI of the standard, too',
      tasks:
        "- t:\n    try:\n    - a: {raise: {error: {type: 'https://serverlessworkflow.io/spec/1.0.0/errors/timeout', status: 408, title: t}}}\n    catch:\n      errors: {with: {type: 'https://open-workflow-specification.org/dsl/errors/types/timeout', status: 408}}\n      do:\n      - c: {set: {r: caught}}",
      output: { r: 'caught' },
    },
    {
      name: 'an error that is not selected rises',
      tasks:
        "- t:\n    try:\n    - a: {raise: {error: {type: 'https://example.com/e', status: 400, title: t}}}\n    catch:\n      errors: {with: {status: 500}}\n      do:\n      - c: {set: {r: caught}}",
      error: { type: 'https://example.com/e', instance: '/do/0/t/try/0/a' },
    },
    {
      name: 'when and exceptWhen select',
      tasks:
        "- t:\n    try:\n    - a: {raise: {error: {type: 'https://example.com/e', status: 400, title: t}}}\n    catch:\n      as: e\n      exceptWhen: $e.status == 400\n      do:\n      - c: {set: {r: caught}}",
      error: { type: 'https://example.com/e', instance: '/do/0/t/try/0/a' },
    },
    {
      name: 'an error in catch.do rises',
      tasks:
        "- t:\n    try:\n    - a: {raise: {error: {type: 'https://example.com/e', status: 400, title: t}}}\n    catch:\n      do:\n      - c: {raise: {error: {type: 'https://example.com/f', status: 401, title: f}}}",
      error: { type: 'https://example.com/f', instance: '/do/0/t/catch/do/0/c' },
    },
    ...(
      [
        ['constant', [100, 100, 100]],
        ['linear', [100, 200, 300]],
        ['exponential', [100, 200, 400]],
      ] as const
    ).map(([backoff, naps]): Row => ({
      name: `retries with ${backoff} backoff`,
      tasks: `- t:\n    try:\n    - a: {raise: {error: {type: 'https://example.com/e', status: 503, title: t}}}\n    catch:\n      retry: {delay: {milliseconds: 100}, backoff: {${backoff}: {}}, limit: {attempt: {count: 3}}}\n      do:\n      - c: {set: {r: gave up}}`,
      output: { r: 'gave up' },
      naps: [...naps],
    })),
    {
      name: 'a limit on all tries together',
      tasks:
        "- t:\n    try:\n    - a: {raise: {error: {type: 'https://example.com/e', status: 503, title: t}}}\n    catch:\n      retry: {delay: {seconds: 1}, limit: {duration: {milliseconds: 2500}}}",
      error: { type: 'https://example.com/e', status: 503, instance: '/do/0/t/try/0/a' },
      naps: [1000, 1000],
    },
    {
      name: 'retries that mend nothing hide nothing',
      tasks:
        "- t:\n    try:\n    - a: {raise: {error: {type: 'https://example.com/e', status: 503, title: t}}}\n    catch:\n      retry: {limit: {attempt: {count: 2}}}\n- b: {set: {r: went on}}",
      error: { type: 'https://example.com/e', instance: '/do/0/t/try/0/a' },
    },
    {
      name: 'a catch that does nothing at all lets the run go on',
      tasks:
        "- t:\n    try:\n    - a: {raise: {error: {type: 'https://example.com/e', status: 503, title: t}}}\n    catch: {errors: {with: {status: 503}}}\n- b: {set: {r: went on}}",
      output: { r: 'went on' },
    },
  ],
  'wait and timeout': [
    {
      name: 'the time of an attempt is over; the pause before the next one is not cut short by it',
      tasks:
        '- t:\n    try:\n    - a: {wait: {hours: 1}}\n    catch:\n      retry: {delay: {seconds: 5}, limit: {attempt: {count: 1, duration: {seconds: 1}}}}\n      do:\n      - c: {set: {r: gave up}}',
      output: { r: 'gave up' },
      naps: [1_000, 5_000, 1_000],
    },
    {
      name: 'wait parks the run',
      tasks: '- a: {wait: {minutes: 1, seconds: 30}}\n- b: {set: {r: awake}}',
      output: { r: 'awake' },
      naps: [90_000],
    },
    {
      name: 'an ISO 8601 duration',
      tasks: '- a: {wait: PT1M}\n- b: {set: {r: awake}}',
      output: { r: 'awake' },
      naps: [60_000],
    },
    {
      name: 'the timeout of a task',
      tasks: '- a: {wait: {hours: 1}, timeout: {after: {seconds: 5}}}',
      error: { type: 'timeout', status: 408, instance: '/do/0/a' },
      naps: [5_000],
    },
    {
      name: 'the timeout of a task around can be caught',
      tasks:
        "- t:\n    try:\n    - d: {do: [{a: {wait: {hours: 1}}}], timeout: {after: {seconds: 5}}}\n    catch:\n      as: e\n      do:\n      - c: {set: {at: '${ $e.instance }'}}",
      output: { at: '/do/0/t/try/0/d' },
    },
    {
      name: 'the timeout of the workflow can not be caught',
      tasks:
        '- t:\n    try:\n    - a: {wait: {hours: 1}}\n    catch:\n      do:\n      - c: {set: {r: caught}}',
      spec: 'timeout: {after: {seconds: 10}}',
      error: { type: 'timeout', instance: '/' },
      naps: [10_000],
    },
  ],
}

for (const [group, rows] of Object.entries(ROWS))
  describe(group, () => {
    for (const row of rows) test(row.name, () => expectRow(row))
  })

test('globals and secrets are variables, and no checkpoint holds them', async () => {
  const manifests = [
    workflow(
      "- a: {set: {g: '${ $globals.G }', s: '${ $secrets.box.key | length }'}}\n- b: {wait: {seconds: 1}}",
      'use: {secrets: [box]}',
    ),
    'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: g, labels: {hooklet.dev/globals: "true"}}\ndata: {G: \'{"n": 5}\', OTHER: x}',
    'apiVersion: v1\nkind: Secret\nmetadata: {name: box}\nstringData: {key: hidden-value}',
  ].join('\n---\n')
  const { outcome, state } = await bench.run(manifests)
  expect(outcome).toEqual({ kind: 'completed', output: { g: { n: 5 }, s: 12 } })
  expect(JSON.stringify(state)).not.toContain('hidden-value')
})

test('nothing is shown of a secret over which an expression fails, be it among the globals', async () => {
  const globals = (kind: string, data: string): string =>
    `apiVersion: v1\nkind: ${kind}\nmetadata: {name: g, labels: {hooklet.dev/globals: 'true'}}\n${data}: {KEY: hidden}`
  const failing = workflow("- a: {set: {x: '${ $globals.KEY + 1 }'}}")
  const secret = await bench.run([failing, globals('Secret', 'stringData')].join('\n---\n'))
  expect(secret.outcome).toMatchObject({
    kind: 'failed',
    error: { detail: expect.stringContaining('reads a secret') },
  })
  expect(JSON.stringify(secret.outcome)).not.toContain('hidden')
  const plain = await bench.run([failing, globals('ConfigMap', 'data')].join('\n---\n'))
  expect(JSON.stringify(plain.outcome)).toContain('hidden')
})

test('the digits of a secret stay as they are, and those of a global that no number has', async () => {
  const manifests = [
    workflow(
      "- a: {set: {pin: '${ $secrets.box.pin }', conf: '${ $secrets.box.conf }', id: '${ $globals.ID }', n: '${ $globals.N }', far: '${ $globals.FAR }'}}",
      'use: {secrets: [box]}',
    ),
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: g, labels: {hooklet.dev/globals: 'true'}}\ndata: {ID: '820982911946154508', N: '10', FAR: '1e999'}",
    "apiVersion: v1\nkind: Secret\nmetadata: {name: box}\nstringData: {pin: '10', conf: '{\"a\": 1}'}",
  ].join('\n---\n')
  const { outcome } = await bench.run(manifests)
  const output = { pin: '10', conf: { a: 1 }, id: '820982911946154508', n: 10, far: '1e999' }
  expect(outcome).toEqual({ kind: 'completed', output })
})

test('what came with a call is never evaluated', async () => {
  const { outcome } = await bench.run(workflow("- a: {set: {x: '${ .body }'}}\n- b: {set: {y: '${ .x }'}}"), {
    body: '${ $secrets }',
  })
  expect(outcome).toEqual({ kind: 'completed', output: { y: '${ $secrets }' } })
})
