export { type Counters, counters } from './counters.ts'
export type { Events, FromSession, LossEvent } from './events.ts'
export {
  type Host,
  isPort,
  type LoadBalance,
  loadBalances,
  readHost,
  type Target,
  targets,
} from './hosts.ts'
export type { Log } from './log.ts'
export { adviceFor, type Reason } from './loss/advice.ts'
export { classify, type Decision, decisions, type Loss } from './loss/classify.ts'
export { type Diagnosis, diagnose } from './loss/diagnose.ts'
export {
  DivergedError,
  FailedTransactionError,
  InDoubtError,
  LossError,
  type Particulars,
  RepriseError,
  RolledBackError,
  surfaced,
} from './loss/errors.ts'
export {
  type Evidence,
  isGenuine,
  isRecoveryConflict,
  type Report,
  type TransactionStatus,
} from './loss/evidence.ts'
export { isOutcome, type Outcome, outcomes } from './loss/outcome.ts'
export { decide, type Scene, type Verdict } from './loss/policy.ts'
export {
  type Condition,
  conditionOf,
  endsConnection,
  isPassing,
  isPassingSocketError,
  sqlstateOf,
} from './loss/sqlstate.ts'
export { isPoolOrClient, notToBeSpread } from './misuse.ts'
export {
  optionAmong,
  type RepriseOptions,
  refuseHosts,
  type Settings,
  settingsOf,
} from './options.ts'
export { type BackoffOptions, fullJitter, untilNextTry } from './pace/backoff.ts'
export { Budget, type BudgetOptions } from './pace/budget.ts'
export { clock, presentClock } from './pace/clock.ts'
export { Deadline } from './pace/deadline.ts'
export { Gate, type GateOptions, type Pass } from './pace/gate.ts'
export { type KnownServer, knownServers, remember } from './pace/known-servers.ts'
export { suspendedSince } from './pace/suspension.ts'
export { isHeard, publish } from './publish.ts'
export { analyze } from './sql/analyze.ts'
export { unrefusedNames } from './sql/outward.ts'
export { type Leavings, leavesUnseen, leavingsOf } from './sql/source.ts'
export type {
  Kind,
  Member,
  Savepoint,
  StateChange,
  Statement,
} from './sql/statement.ts'
export { failFast, failsFast } from './unit/fail-fast.ts'
export { inParts, ofTheWhole } from './unit/parts.ts'
export { rerun, withoutCode } from './unit/rerun.ts'
export {
  currentUnit,
  inUnit,
  isRerunnable,
  keptIn,
  outsideUnit,
  rerunnable,
  type Unit,
  unitToTell,
} from './unit/unit.ts'
