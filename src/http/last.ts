/** The same function, which answers at once when it is asked the same as last time: clients repeat their headers. */
export function rememberLast<A, R>(work: (given: A) => R): (given: A) => R {
  let last: { given: A; result: R } | undefined
  return (given) => {
    if (!last || last.given !== given) last = { given, result: work(given) }
    return last.result
  }
}
