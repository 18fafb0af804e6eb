export {
  type Counters,
  counters,
  DivergedError,
  diagnose,
  type Events,
  failFast,
  InDoubtError,
  type Log,
  LossError,
  type RepriseOptions,
  RolledBackError,
  rerunnable,
} from '@reprise/pg'
export { isReprised } from './is-reprised.ts'
export { type PostgresOptions, reprise } from './options.ts'
export { RepriseSubscriber, repriseSubscriber } from './subscriber.ts'
