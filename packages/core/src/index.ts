export { adviceFor, type Reason } from './advice.ts'
export { analyze } from './analyze.ts'
export { type BackoffOptions, fullJitter } from './backoff.ts'
export { Budget, type BudgetOptions } from './budget.ts'
export { classify, type Decision, decisions, type Loss } from './classify.ts'
export { Deadline } from './deadline.ts'
export { type Diagnosis, diagnose } from './diagnose.ts'
export {
  DivergedError,
  FailedTransactionError,
  InDoubtError,
  LossError,
  type Particulars,
  RepriseError,
  RolledBackError,
  surfaced,
} from './errors.ts'
export { type Events, publish } from './events.ts'
export { type Evidence, isGenuine, type Report, type TransactionStatus } from './evidence.ts'
export { fingerprint } from './fingerprint.ts'
export { Gate, type GateOptions, type Pass } from './gate.ts'
export { isPoolOrClient, notToBeSpread } from './misuse.ts'
export { optionAmong, type RepriseOptions, type Settings, settingsOf } from './options.ts'
export { isOutcome, type Outcome, outcomes } from './outcome.ts'
export { decide, type Scene, type Verdict } from './policy.ts'
export { rerun } from './rerun.ts'
export {
  type Condition,
  conditionOf,
  endsConnection,
  isPassing,
  isPassingSocketError,
  sqlstateOf,
} from './sqlstate.ts'
export type {
  Hides,
  Kind,
  Member,
  Savepoint,
  StateChange,
  Statement,
} from './statement.ts'
export { currentUnit, inUnit, isRerunnable, rerunnable, type Unit } from './unit.ts'
