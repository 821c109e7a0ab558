import type { Spawn } from '../child/child.ts'
import type { Clock } from '../clock.ts'
import type { Config } from '../config.ts'
import type { TokenHash } from '../crypto.ts'
import type { Log } from '../log.ts'
import type { CallSink, OpenCall } from '../mcp/calls.ts'
import type { RpcNotification, RpcRequest, RpcResponse } from '../mcp/rpc.ts'
import type { Metrics } from '../metrics.ts'
import type { Store } from '../store/open.ts'
import type { ChildAccess } from './access.ts'
import type { Slot } from './slots.ts'

/** Why a running child was told to stop. */
export type StopCause = 'slept' | 'replaced' | 'session-ended' | 'start-failed' | 'shutdown'

/** What every child is started with. */
export interface ChildSurroundings {
  store: Pick<Store, 'audit' | 'children'>
  config: Pick<Config, 'forgejoMcpBinary' | 'callTimeoutMs' | 'childMemoryBytes' | 'maxBodyBytes'>
  clock: Clock
  log: Log
  metrics: Metrics
  spawn: Spawn
  /** The broker's own environment, of which a child gets a few allowed names. */
  environment: Readonly<Record<string, string | undefined>>
  /** An empty directory that only the broker may read: HOME and working directory of every child. */
  childHome: string
  /** FORGEJO_USER_AGENT of every child. */
  userAgent: string
}

/** Who wants to know what every child says, whomever it serves. */
export interface Listener {
  /** A child of the account says that a list is another one now. */
  listChanged(accountId: string, method: string): void
}

export interface ChildOrder {
  accountId: string
  /** Absent for a standby. */
  sessionHash?: TokenHash
  access: ChildAccess
  slot: Slot
  /** Takes what the child says about no call while there is not exactly one; `open` are the calls' sinks. */
  unsolicited(text: string, open: readonly CallSink[]): void
  /** Ids for the child's questions to the client, never the same twice within a session. */
  nextAsk(): number
  /** Counts the account's credentials; see LiveChild. */
  epoch: number
}

/** A running child with its bridge; both end together. */
export interface LiveChild {
  readonly pid: number
  readonly accountId: string
  /** How many of the account's credentials had come when it was given its own. */
  readonly epoch: number
  /** When a call of it last ended, or when it was started; epoch ms. */
  readonly lastUsedAt: number
  /** Calls that have no answer yet. */
  readonly inFlight: number
  /** Calls that it may still work on, those included that were given up. */
  readonly owed: number
  /** Whether calls were given up that the child still works on: its few workers may all be hung. */
  readonly wedged: boolean
  /** Whether Forgejo no longer takes the token that it holds. */
  readonly rejected: boolean
  /** While Forgejo is being asked about that: settles when it has answered, in bounded time. */
  readonly doubted: Promise<void> | undefined
  /** Why it serves no longer, in words; undefined while it does. */
  readonly over: string | undefined
  /** Whether it was told to stop, rather than ended by itself. */
  readonly stopped: boolean
  /** Resolves when the process is gone. */
  readonly gone: Promise<void>
  /** Records the process for the broker after a killed one; what cannot be recorded is ended. Before anything is awaited. */
  writeDown(): void
  /** See Bridge.call. */
  call(request: RpcRequest, sink: CallSink, known?: readonly string[]): OpenCall
  notify(notification: RpcNotification): void
  /** False when this child asked nothing under that id. */
  answer(response: RpcResponse): boolean
  /** How many open calls a client's `requestId` names. */
  named(requestId: unknown): number
  /** Says notifications/initialized, once however often it is asked. */
  sayInitialized(): void
  /** Gives the slot back now rather than when the process is gone. */
  giveWay(): void
  /** Waits until nothing is in flight, at most `ms` milliseconds. */
  drain(ms: number): Promise<void>
  /** Fails what is in flight and stops the process by the ladder; resolves when it is gone. Idempotent. */
  stop(cause: StopCause): Promise<void>
  /** SIGKILL, for a shutdown in a hurry. */
  kill(): void
}
