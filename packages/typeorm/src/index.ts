export {
  DivergedError,
  diagnose,
  InDoubtError,
  LossError,
  type RepriseOptions,
  RolledBackError,
  rerunnable,
} from '@reprise/pg'
export { type PostgresOptions, reprise } from './options.ts'
export { RepriseSubscriber, repriseSubscriber } from './subscriber.ts'
