/**
 * What is nearly always there already. An async function costs more than most of what runs do in one (a promise,
 * a frame on the heap and a place in the queue of microtasks): those that every event passes are none, and wait
 * only for what is not there.
 */
export type Soon<T> = T | Promise<T>

/** Goes on with it, at once when it is there. */
export function whenThere<T, Result>(value: Soon<T>, act: (value: T) => Soon<Result>): Soon<Result> {
  return value instanceof Promise ? value.then(act) : act(value)
}
