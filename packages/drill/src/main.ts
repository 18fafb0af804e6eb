#!/usr/bin/env node
import { command } from './command.ts'

const stop = new AbortController()
// The first ends the drill, which says what it did; the second ends the process.
process.once('SIGINT', () => stop.abort())
process.once('SIGTERM', () => stop.abort())

command(process.argv.slice(2), process, stop.signal).then(
  (code) => {
    process.exitCode = code
  },
  (error) => {
    process.stderr.write(`${error instanceof Error ? error.stack : error}\n`)
    process.exitCode = 2
  },
)
