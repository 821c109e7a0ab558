import { type Cancel, type Clock, MINUTE_MS, SECOND_MS } from '../../clock.ts'
import type { OpenCall } from '../../mcp/calls.ts'
import { type Ask, inputRequired, readSaid } from '../../mcp/modern/questions.ts'
import type { Params } from '../../mcp/rpc.ts'
import { withId } from '../../mcp/splice.ts'
import type { Result } from '../../result.ts'
import type { Lease } from '../pool/exclusive.ts'
import type { Refusal } from '../refusal.ts'
import type { Parked, Parking } from './parking.ts'
import { createQuestionnaire, type Questionnaire } from './questionnaire.ts'
import { forward, pagesFor } from './told.ts'
import { ASKING, conclusion, failureText, say, type Turn } from './turn.ts'

/** After a question the child may ask more at the same time: so long it is listened to, in ms. */
const QUIET_MS = 20

/** How long a call waits for its client, in ms. */
export const PARKED_MS = 5 * MINUTE_MS

/** How often a child that asked for it hears that its question still waits, in ms. */
const REMIND_MS = 15 * SECOND_MS

/** How long a child may take to end a call whose questions nobody will answer, in ms. */
const GIVE_UP_MS = 2 * SECOND_MS

export interface DialogueDeps {
  clock: Clock
  parking: Parking<Dialogue>
  /** The `requestState` for a round of this call. */
  seal(dialogue: Dialogue, round: number, expiresAt: number): string
  /** Another child, for a call that must be made again. */
  lease(): Promise<Result<Lease, Refusal>>
  /** Told what the child says that concerns everybody. */
  changed(method: string, params: Params): void
}

/**
 * One call of a stateless client with a child of its own. What the child asks meanwhile ends the client's request as
 * a question; the call waits with the child until the client asks again and brings the answers (2026-07-28 mrtr).
 */
export class Dialogue implements Parked {
  readonly accountId: string
  readonly familyId: string
  /** What the answers must be for: undefined until there is a question. */
  round = 0
  parkedAt: number | undefined
  #turn: Turn | undefined
  #lease: Lease
  #open: OpenCall | undefined
  #questions: Questionnaire
  /** The child's answer, when it came while nobody was there. */
  #kept: string | undefined
  /** The questions are pages to visit before the call is made again. */
  #again = false
  #over = false
  #timers: Cancel[] = []

  constructor(
    readonly id: string,
    /** The request as it was first made. */
    readonly first: Turn,
    lease: Lease,
    private readonly deps: DialogueDeps,
  ) {
    this.accountId = first.caller.accountId
    this.familyId = first.caller.familyId
    this.#lease = lease
    this.#questions = this.#ask()
  }

  get holdsChild(): boolean {
    return !this.#over && this.#kept === undefined && !this.#again
  }

  /** Makes the call. */
  begin(turn: Turn): void {
    this.#turn = turn
    this.#open = say(this.#lease.child, this.first.call, {
      message: (text) => this.#said(text),
      end: (text) => this.#ended(text),
    })
  }

  /** The client is back with answers to some of the questions; others are asked again. */
  resume(turn: Turn, responses: unknown): void {
    this.#stopTimers()
    this.parkedAt = undefined
    this.#lease.parked = false
    this.#turn = turn
    this.#questions.answer(responses)
    if (this.#kept !== undefined) this.#finish(this.#kept)
    else if (this.#questions.open > 0) this.#park()
    else if (this.#again) void this.#beginAgain(turn)
    else this.#open?.resume()
  }

  /** The client has left the request that is under way. */
  leave(turn: Turn, reason: string): void {
    if (this.#turn !== turn) return
    this.#turn = undefined
    this.#close(reason)
  }

  dismiss(reason: string): void {
    if (this.#over) return
    this.#stopTimers()
    this.deps.parking.leave(this)
    this.parkedAt = undefined
    if (!this.holdsChild) {
      this.#over = true
      return
    }
    this.#questions.giveUp(reason)
    this.#timers.push(this.deps.clock.after(GIVE_UP_MS, () => this.#close(reason)))
  }

  evict(): Promise<void> {
    const { live } = this.#lease.child
    live.giveWay()
    this.#close('other calls need the place')
    return live.gone
  }

  /** Ends it now: whoever waits gets an error, the child a cancellation and its end. */
  end(reason: string): void {
    const turn = this.#turn
    this.#close(reason)
    turn?.sink.end({ status: 200, text: failureText(turn, 'revoked', reason) })
  }

  #ask(): Questionnaire {
    const { call } = this.first
    return createQuestionnaire({
      child: this.#lease.child.live,
      capabilities: call.capabilities,
      mayAsk: ASKING.has(call.request.method),
      advance: call.request.params?.inputResponses,
    })
  }

  #said(text: string): void {
    const said = readSaid(text)
    if (this.#over || said === undefined) return
    if (said.kind === 'ask') this.#asked(said)
    else if (said.method === 'notifications/cancelled')
      this.#questions.withdraw(said.params.requestId)
    else forward(this.#turn, said, text, this.deps.changed)
  }

  #asked(ask: Ask): void {
    if (!this.#questions.add(ask) || this.#turn === undefined) return
    this.#stopTimers()
    this.#timers.push(this.deps.clock.after(QUIET_MS, () => this.#park()))
  }

  #ended(text: string): void {
    if (this.#over) return
    this.#stopTimers()
    this.#lease.release(true)
    if (this.#turn) this.#finish(text)
    else if (this.deps.parking.find(this.id) === this) {
      this.#kept = text
      this.#expireAt(this.parkedAt ?? this.deps.clock.now())
    } else this.#over = true
  }

  /** Tells the client what came of the call, or what to do before it can be made. */
  #finish(text: string): void {
    const turn = this.#turn
    if (!turn) return
    const pages = pagesFor(this.#lease.child, this.first.call, text)
    if (pages.length > 0) {
      this.#questions = this.#ask()
      for (const page of pages) this.#questions.show('elicitation/create', page)
      this.#kept = undefined
      this.#again = true
      this.#park()
      return
    }
    this.#over = true
    this.deps.parking.leave(this)
    const answer = withId(text, turn.call.request.idText)
    turn.sink.end(conclusion(this.#lease.child, turn.call, answer, this.#questions.lacked))
  }

  async #beginAgain(turn: Turn): Promise<void> {
    this.#again = false
    const lease = await this.deps.lease()
    if (!lease.ok) {
      this.#close('no child')
      const text = failureText(turn, lease.error.kind, lease.error.reason)
      turn.sink.end({ status: 503, text, retryAfterMs: lease.error.retryAfterMs ?? SECOND_MS })
    } else if (this.#over) lease.value.release(true)
    else {
      this.#lease = lease.value
      this.#questions = this.#ask()
      this.begin(turn)
    }
  }

  /** Ends the client's request with the open questions and waits for it to come back. */
  #park(): void {
    const turn = this.#turn
    if (!turn || this.#questions.open === 0) return
    const { idText } = turn.call.request
    const { clock, parking, seal } = this.deps
    this.#turn = undefined
    const place = parking.enter(this)
    if (!place.ok) {
      const text = failureText(turn, 'full', 'too many calls wait for answers of their clients')
      turn.sink.end({ status: 503, text, retryAfterMs: place.error })
      this.dismiss('there is no room for another question')
      return
    }
    this.#stopTimers()
    this.round++
    this.parkedAt = clock.now()
    this.#lease.parked = true
    this.#open?.pause()
    this.#expireAt(this.parkedAt)
    this.#timers.push(clock.every(REMIND_MS, () => this.#questions.remind()))
    const state = seal(this, this.round, this.parkedAt + PARKED_MS)
    const { serverInfo } = this.#lease.child.about
    const text = inputRequired(idText, this.#questions.all(), state, serverInfo)
    turn.sink.end({ status: 200, text })
  }

  #expireAt(since: number): void {
    const left = since + PARKED_MS - this.deps.clock.now()
    this.#timers.push(this.deps.clock.after(left, () => this.dismiss('nobody answered in time')))
  }

  #close(reason: string): void {
    if (this.#over) return
    this.#over = true
    this.#stopTimers()
    this.deps.parking.leave(this)
    this.#open?.cancel(reason)
    this.#lease.release(false)
  }

  #stopTimers(): void {
    for (const cancel of this.#timers.splice(0)) cancel()
  }
}
