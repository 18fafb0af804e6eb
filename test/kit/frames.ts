/** A column of a row description: its name, and the oid of its type where that is not text. */
export type Column = string | { readonly name: string; readonly oid: number }

/** The fields of an error or notice by their letter; those that are left out are left out. */
export type Fields = Record<string, string>

const text = 25

function frame(type: string, ...parts: Buffer[]): Buffer {
  const length = int32(4 + parts.reduce((sum, part) => sum + part.length, 0))
  return Buffer.concat([Buffer.from(type, 'latin1'), length, ...parts])
}

function int16(value: number): Buffer {
  const buffer = Buffer.alloc(2)
  buffer.writeInt16BE(value)
  return buffer
}

function int32(value: number): Buffer {
  const buffer = Buffer.alloc(4)
  buffer.writeInt32BE(value)
  return buffer
}

function string(value: string): Buffer {
  return Buffer.from(`${value}\0`)
}

function fieldList(fields: Fields): Buffer {
  const parts = Object.entries(fields).map(([letter, value]) => string(letter + value))
  return Buffer.concat([...parts, Buffer.of(0)])
}

function copyResponse(type: string, columns: number): Buffer {
  const formats = Array.from({ length: columns }, () => int16(0))
  return frame(type, Buffer.of(0), int16(columns), ...formats)
}

/** R: no password is wanted. */
export const authenticationOk: Buffer = frame('R', int32(0))

/** 1 */
export const parseComplete: Buffer = frame('1')

/** 2 */
export const bindComplete: Buffer = frame('2')

/** 3 */
export const closeComplete: Buffer = frame('3')

/** n: the statement gives no rows. */
export const noData: Buffer = frame('n')

/** I: the answer to an empty query, in place of CommandComplete. */
export const emptyQueryResponse: Buffer = frame('I')

/** s: there are more rows than Execute asked for. */
export const portalSuspended: Buffer = frame('s')

/** c: the end of a COPY. */
export const copyDone: Buffer = frame('c')

/** S: a setting that the server reports. */
export function parameterStatus(name: string, value: string): Buffer {
  return frame('S', string(name), string(value))
}

/** K: what a cancel request must name. */
export function backendKeyData(pid: number, secret: number): Buffer {
  return frame('K', int32(pid), int32(secret))
}

/** Z: idle, in a transaction, or in a failed one. */
export function readyForQuery(status: 'I' | 'T' | 'E'): Buffer {
  return frame('Z', Buffer.from(status))
}

/** T: columns in text format, of type text where no oid is given. */
export function rowDescription(columns: readonly Column[]): Buffer {
  const fields = columns.map((column) => {
    const { name, oid } = typeof column === 'string' ? { name: column, oid: text } : column
    return Buffer.concat([
      string(name),
      int32(0),
      int16(0),
      int32(oid),
      int16(-1),
      int32(-1),
      int16(0),
    ])
  })
  return frame('T', int16(fields.length), ...fields)
}

/** D: values in text format. */
export function dataRow(values: readonly (string | null)[]): Buffer {
  const fields = values.map((value) => {
    if (value === null) return int32(-1)
    const bytes = Buffer.from(value)
    return Buffer.concat([int32(bytes.length), bytes])
  })
  return frame('D', int16(fields.length), ...fields)
}

/** C: a statement's tag, such as `INSERT 0 1`. */
export function commandComplete(tag: string): Buffer {
  return frame('C', string(tag))
}

/** E, with exactly these fields. */
export function errorResponse(fields: Fields): Buffer {
  return frame('E', fieldList(fields))
}

/** N, with exactly these fields. */
export function noticeResponse(fields: Fields): Buffer {
  return frame('N', fieldList(fields))
}

/** t: the types of a statement's parameters. */
export function parameterDescription(oids: readonly number[]): Buffer {
  return frame('t', int16(oids.length), ...oids.map(int32))
}

/** G: the server waits for the client's data, of that many text columns. */
export function copyInResponse(columns = 1): Buffer {
  return copyResponse('G', columns)
}

/** H: the server will send data, of that many text columns. */
export function copyOutResponse(columns = 1): Buffer {
  return copyResponse('H', columns)
}

/** d: a piece of a COPY. */
export function copyData(data: string | Buffer): Buffer {
  return frame('d', Buffer.from(data as string))
}

/** A: somebody notified a channel. */
export function notificationResponse(pid: number, channel: string, payload = ''): Buffer {
  return frame('A', int32(pid), string(channel), string(payload))
}

/** What a fatal error says besides its code. */
export interface FatalOptions {
  /** The source file that it comes from. Default `postgres.c`. */
  readonly file?: string
  readonly message?: string
  /** What a user sees in place of FATAL, where the server speaks another language. */
  readonly localised?: string
  /** Letters of fields to leave out: `V` as before 9.6, `F`, `L` and `R` as a pooler does. */
  readonly without?: readonly string[]
}

/** An error by which a real server ends a connection, such as fatal('57P01', 'ProcessInterrupts'). */
export function fatal(code: string, routine: string, options: FatalOptions = {}): Buffer {
  const fields: Fields = {
    S: options.localised ?? 'FATAL',
    V: 'FATAL',
    C: code,
    M: options.message ?? `connection ended (${code})`,
    F: options.file ?? 'postgres.c',
    L: '3300',
    R: routine,
  }
  const kept = Object.entries(fields).filter(([letter]) => !options.without?.includes(letter))
  return errorResponse(Object.fromEntries(kept))
}
