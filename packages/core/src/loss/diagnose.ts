import { adviceFor, type Reason } from './advice.ts'
import { type ErrorNode, nodesOf } from './chain.ts'
import { divergence } from './errors.ts'
import { isGenuine } from './evidence.ts'
import { isOutcome, type Outcome } from './outcome.ts'
import {
  type Condition,
  conditionOf,
  conditions,
  endsConnection,
  isPassing,
  isPassingSocketError,
  sqlstateOf,
} from './sqlstate.ts'

/** What an error says about a lost connection, whoever raised or wrapped it. */
export interface Diagnosis {
  readonly condition: Condition
  readonly sqlstate: string
  /** As the server sent it, in the server's language; for people. */
  readonly severity: string | undefined
  readonly outcome: Outcome
  /**
   * What the diagnosis rests on: a frame of the server's, the end of the socket, the word of an
   * error that wraps either, or nothing but an outcome.
   */
  readonly evidence: 'frame' | 'socket' | 'wrapper' | 'none'
  /** How often the work was tried; 0 when the error does not say. */
  readonly attempts: number
  /** One sentence: what to do now. */
  readonly advice: string
}

/**
 * Reads any ORM's error down to the lost connection behind it.
 *
 * @returns undefined for errors that are no loss: a constraint, a cancelled query, a conflict
 */
export function diagnose(error: unknown): Diagnosis | undefined {
  const nodes = nodesOf(error)
  const ours = nodes.find((node) => isOutcome(node.outcome))
  const told = nodes.find((node) => lossCode(node) !== undefined)
  const socket = nodes.find((node) => socketCode(node) !== undefined)
  if (ours === undefined && told === undefined && socket === undefined) return divergedIn(nodes)

  const code = told && lossCode(told)
  const condition =
    conditionNamed(ours?.condition) ??
    conditionOf(code ?? '') ??
    (socket === undefined ? conditionOf(String(ours?.code)) : undefined) ??
    'connection_failure'
  const outcome = isOutcome(ours?.outcome) ? ours.outcome : stockOutcome(code, socket)
  return {
    condition,
    sqlstate: sqlstateOf(condition),
    severity: text(told?.severity) ?? text(ours?.severity),
    outcome,
    evidence: evidenceOf(nodes, ours, told, socket),
    attempts: typeof ours?.attempts === 'number' ? ours.attempts : 0,
    advice: text(ours?.advice) ?? adviceFor(outcome, condition, ours?.reason as Reason | undefined),
  }
}

/**
 * Prisma's adapter makes of a divergence what it makes of every 40001, a write conflict, and keeps its
 * text. That is a sentence of our own, in whole, and of no server: by it alone the two are told apart.
 */
function divergedIn(nodes: readonly ErrorNode[]): Diagnosis | undefined {
  const node = nodes.find(
    ({ originalCode }) => originalCode === sqlstateOf('serialization_failure'),
  )
  const condition = conditions.find((each) => node?.originalMessage === divergence(each))
  if (condition === undefined) return undefined
  return {
    condition,
    sqlstate: sqlstateOf(condition),
    severity: undefined,
    outcome: 'rolled-back',
    evidence: 'wrapper',
    attempts: 0,
    advice: adviceFor('rolled-back', condition, 'diverged'),
  }
}

function evidenceOf(
  nodes: readonly ErrorNode[],
  ours: ErrorNode | undefined,
  told: ErrorNode | undefined,
  socket: ErrorNode | undefined,
): Diagnosis['evidence'] {
  if (nodes.some((node) => lossCode(node) !== undefined && isGenuine(node))) return 'frame'
  if (socket !== undefined) return 'socket'
  if (told !== undefined) return 'wrapper'
  return ours?.condition === undefined ? 'none' : 'socket'
}

/**
 * Without Reprise only a refused connection proves anything: node-postgres hides the frames before
 * an error, so an error in flight may have come after the commit.
 */
function stockOutcome(code: string | undefined, socket: ErrorNode | undefined): Outcome {
  if (code === '57P03' || code === '53300') return 'not-sent'
  const refused = socket && socketCode(socket)
  return code === undefined && (refused === 'ECONNREFUSED' || refused === 'EHOSTUNREACH')
    ? 'not-sent'
    : 'in-doubt'
}

function lossCode(node: ErrorNode): string | undefined {
  const codes = [node.code, node.originalCode, node.sqlState].flatMap((code) => text(code) ?? [])
  return codes.find((code) => endsConnection(code) || isPassing(code))
}

function socketCode(node: ErrorNode): string | undefined {
  const codes = [node.code, node.originalCode].flatMap((code) => text(code) ?? [])
  return codes.find(isPassingSocketError) ?? kinds.get(text(node.kind))
}

/** What Prisma's driver adapters call the ends of a socket, having thrown its own code away. */
const kinds: ReadonlyMap<string | undefined, string> = new Map([
  ['DatabaseNotReachable', 'ECONNREFUSED'],
  ['ConnectionClosed', 'ECONNRESET'],
  ['SocketTimeout', 'ETIMEDOUT'],
])

function conditionNamed(name: unknown): Condition | undefined {
  return conditions.find((condition) => condition === name)
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}
