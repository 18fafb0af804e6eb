export {
  type Counters,
  counters,
  type Diagnosis,
  DivergedError,
  diagnose,
  type Events,
  failFast,
  InDoubtError,
  type Log,
  LossError,
  type Outcome,
  type RepriseOptions,
  RolledBackError,
  rerunnable,
} from '@reprise/core'
export { type AdapterOptions, repriseAdapter } from './adapter.ts'
export { reprise } from './extension.ts'
export { isReprised } from './is-reprised.ts'
