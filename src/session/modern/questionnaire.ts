import { RPC } from '../../errors.ts'
import type { Capabilities } from '../../mcp/modern/capabilities.ts'
import {
  type Ask,
  isAnswer,
  keyHint,
  lacking,
  needsOf,
  progressTokenOf,
  type Question,
  unanswered,
} from '../../mcp/modern/questions.ts'
import { isObject, type Params, type RpcResponse, rpcNotification } from '../../mcp/rpc.ts'
import type { LiveChild } from '../live.ts'

/** Questions of one call that may wait at the same time. */
const MAX_QUESTIONS = 64

/** The questions that the child of one call has asked, and nobody has answered yet. */
export interface Questionnaire {
  /** How many. */
  readonly open: number
  all(): Iterable<Question>
  /** What refused questions needed of the client, and it has not declared. */
  readonly lacked: ReadonlySet<string>
  /** Takes a question in; false when the client is not to be asked: then the child has its answer. */
  add(ask: Ask): boolean
  /** Puts a question that no answer of the client's is sent on for. */
  show(method: string, params: Params): void
  /** Passes on the answers that fit; others, and what was not asked for, are ignored. */
  answer(responses: unknown): void
  /** The child does not want to know any more. */
  withdraw(askId: unknown): void
  /** Tells a child that wants to know that its questions still wait. */
  remind(): void
  /** Answers every question as nobody would. */
  giveUp(reason: string): void
}

export interface QuestionnaireOptions {
  child: Pick<LiveChild, 'answer' | 'notify'>
  capabilities: Capabilities
  /** Whether the answer to this call may be a question. */
  mayAsk: boolean
  /** What the client brought along unasked: good for questions that the child calls by name, and no others. */
  advance?: unknown
}

/** No questions yet. */
export function createQuestionnaire({
  child,
  capabilities,
  mayAsk,
  advance,
}: QuestionnaireOptions): Questionnaire {
  const questions = new Map<string, Question>()
  const lacked = new Set<string>()
  let asked = 0
  let reminders = 0

  const tell = (id: number, outcome: Pick<RpcResponse, 'result' | 'error'>): void =>
    void child.answer({ kind: 'response', id, idText: String(id), ...outcome })

  const inAdvance = (ask: Ask): unknown => {
    const name = keyHint(ask)
    const known = name !== undefined && isObject(advance) && Object.hasOwn(advance, name)
    return known ? advance[name] : undefined
  }

  const put = (question: Ask): void => {
    const number = ++asked
    const hint = keyHint(question)
    const key = hint !== undefined && !questions.has(hint) ? hint : `${question.method}#${number}`
    questions.set(key, { ...question, key })
  }

  return {
    get open() {
      return questions.size
    },
    all: () => questions.values(),
    lacked,
    add(ask) {
      const needs = mayAsk ? needsOf(ask) : undefined
      const missing = needs && lacking(needs, capabilities)
      if (missing?.length === 0 && questions.size < MAX_QUESTIONS) {
        const result = inAdvance(ask)
        if (isAnswer(ask.method, result)) tell(ask.id, { result })
        else put(ask)
        return questions.size > 0
      }
      for (const capability of missing ?? []) lacked.add(capability)
      tell(ask.id, { error: { code: RPC.methodNotFound, message: 'The client cannot do this' } })
      return false
    },
    show: (method, params) => put({ id: -1, method, params }),
    answer(responses) {
      if (!isObject(responses)) return
      for (const { id, key, method } of [...questions.values()]) {
        const result = Object.hasOwn(responses, key) ? responses[key] : undefined
        if (!isAnswer(method, result)) continue
        questions.delete(key)
        if (id >= 0) tell(id, { result })
      }
    },
    withdraw(askId) {
      for (const { id, key } of questions.values()) if (id === askId) questions.delete(key)
    },
    remind() {
      reminders++
      for (const question of questions.values()) {
        const progressToken = progressTokenOf(question)
        if (progressToken === undefined) continue
        const params = { progressToken, progress: reminders }
        child.notify(rpcNotification('notifications/progress', params))
      }
    },
    giveUp(reason) {
      for (const { id, method } of questions.values())
        if (id >= 0) tell(id, unanswered(method, reason))
      questions.clear()
    },
  }
}
