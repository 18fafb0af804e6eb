export { command } from './command.ts'
export type { Terminal } from './terminal.ts'
