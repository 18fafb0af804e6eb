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
export type { Config, Pool } from './config.ts'
export { idempotent } from './idempotent.ts'
export { isReprised } from './is-reprised.ts'
export { ReprisePlugin } from './plugin.ts'
export { reprise } from './reprise.ts'
