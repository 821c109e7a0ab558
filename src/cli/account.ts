import { OperatorError } from '../errors.ts'
import type { Store } from '../store/open.ts'

/**
 * The one account that an operator means by its id, its `sub:ID` or its login. Throws OperatorError when there is none,
 * or when several were called so when they last logged in: a login that was given up may be somebody else's now.
 */
export function accountNamed(store: Store, name: string): { id: string; login: string } {
  const found = store.admin.findAccounts(name)
  const [account, another] = found
  if (!account) throw new OperatorError(`no account ${name}`, '`accounts list` shows them')
  if (another) {
    const names = found.map(({ sub }) => `sub:${sub}`).join(', ')
    throw new OperatorError(`several accounts are called ${name}`, `name one of them: ${names}`)
  }
  return account
}
