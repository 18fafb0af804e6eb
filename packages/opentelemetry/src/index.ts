export { type Options, RepriseInstrumentation } from './instrumentation.ts'
