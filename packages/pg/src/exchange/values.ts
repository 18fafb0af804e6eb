import type { PgQueryClass, Wire } from '../connection/wire.ts'

type Mapper = (value: unknown, index: number) => unknown

/**
 * pg's own conversion of parameter values, taken from the Bind that a throw-away query of this very
 * copy of pg would send: pg does not export it, and a replay must send what the first run sent.
 */
export function valueMapperOf(Query: PgQueryClass): Mapper {
  let mapper: Mapper = (value) => value
  const nothing = (): void => undefined
  const wire = {
    parsedStatements: {},
    submittedNamedStatements: {},
    stream: {},
    parse: nothing,
    bind: (message: { valueMapper?: Mapper }) => {
      mapper = message.valueMapper ?? mapper
    },
    describe: nothing,
    execute: nothing,
    flush: nothing,
    sync: nothing,
  }
  new Query({ text: '-', values: [null] }).prepare(wire as unknown as Wire)
  return mapper
}

/**
 * The values as they go on the wire, taken when the application hands them over: what it does to its
 * objects and buffers later cannot change what is sent, first or again. Whatever pg would send as
 * bytes is a view of somebody's memory (utils.js: prepareValue) and copied, once.
 *
 * @param once whether they are sent before the application has its turn again, and never after
 */
export function frozen(values: readonly unknown[], mapper: Mapper, once: boolean): unknown[] {
  const result: unknown[] = new Array(values.length)
  for (let i = 0; i < values.length; i++) {
    const value = values[i]
    const settled = value === null || (typeof value !== 'object' && typeof value !== 'function')
    const mapped = settled ? value : mapper(value, i)
    result[i] = Buffer.isBuffer(mapped) && !once ? Buffer.from(mapped) : mapped
  }
  return result
}
