import type { EventEmitter } from 'node:events'
import type { Report } from '@reprise/core'
import type { ClientConfig, CustomTypesConfig, FieldDef } from 'pg'

/*
 * The parts of node-postgres that a session stands on, as structural types: there may be two copies
 * of pg in one tree, and its published types do not show its protocol layer.
 */

/** A raw value of a DataRow, as pg-protocol hands it on. */
export type Raw = string | Buffer | null

/** pg's protocol layer: an emitter of parsed frames, and a writer of them. */
export interface Wire extends EventEmitter {
  readonly stream: {
    readonly writable: boolean
    readonly bytesRead?: number
    readonly bytesWritten?: number
    readonly writableLength?: number
    readonly readableLength?: number
    /** libuv's own count of what the kernel has not taken yet, as net.Socket's timeout reads it. */
    readonly _handle?: { readonly writeQueueSize?: number } | null
    connect?: (...where: unknown[]) => unknown
    write(bytes: Buffer): unknown
    destroy(error?: Error): unknown
  }
  /** Hands what arrives on a stream to the parser: of the socket, or of TLS upon it. */
  attachListeners?: (stream: EventEmitter) => void
  readonly parsedStatements: Record<string, string>
  parse(message: { readonly text: string; readonly name?: string }): void
  bind(message: { readonly statement?: string }): void
  execute(message: { readonly portal?: string; readonly rows?: number }): void
  close(message: { readonly type: 'S' | 'P'; readonly name: string }): void
  flush(): void
  sync(): void
}

/** An ErrorResponse or NoticeResponse as pg-protocol parses it. */
export interface ReportMessage extends Error, Report {
  code?: string
  severity?: string
}

/** pg's Result, as far as a session reads it. */
export interface PgResult {
  command: string | null
  rowCount: number | null
  fields: FieldDef[]
  _types?: unknown
}

export type QueryCallback = (error: Error | null, result?: unknown) => void

/** What callers may pass as a query config. */
export interface QueryConfig {
  text?: string
  values?: unknown[]
  name?: string
  types?: CustomTypesConfig
  rowMode?: string
  binary?: boolean
  rows?: number
  portal?: string
  queryMode?: string
  callback?: QueryCallback
  query_timeout?: number
}

/** pg.Query: everything here has been stable since pg 8.0, private names included. */
export interface PgQuery extends EventEmitter {
  text: string | undefined
  values: unknown[] | undefined
  name: string | undefined
  rows: number | undefined
  types: CustomTypesConfig | undefined
  queryMode: string | undefined
  binary: boolean | undefined
  portal: string
  callback: QueryCallback | undefined
  _rowMode: string | undefined
  _result: PgResult
  _canceledDueToError: Error | false
  requiresPreparation(): boolean
  prepare(wire: Wire): void
  _getRows(wire: Wire, rows: number | undefined): void
  submit(wire: Wire): Error | null
  handleRowDescription(message: unknown): void
  handleDataRow(message: { readonly fields: Raw[] }): void
  handleCommandComplete(message: { readonly text: string }, wire: Wire): void
  handleEmptyQuery(wire: Wire): void
  /** Answers with CopyFail. */
  handleCopyInResponse(wire: Wire): void
  handleError(error: Error, wire: Wire): void
  handleReadyForQuery(wire: Wire): void
}

export type PgQueryClass = new (
  config: string | QueryConfig,
  values?: unknown[] | QueryCallback,
  callback?: QueryCallback,
) => PgQuery

/** What a query is made of, to make another of it. Its callback is not part of that. */
export function configOf(query: PgQuery): QueryConfig {
  const { text, values, name, types, rows, portal, queryMode, binary, _rowMode } = query
  return {
    ...(text === undefined ? {} : { text }),
    ...(values === undefined ? {} : { values }),
    ...(name === undefined ? {} : { name }),
    ...(types === undefined ? {} : { types }),
    ...(rows === undefined ? {} : { rows }),
    ...(queryMode === undefined ? {} : { queryMode }),
    ...(binary === undefined ? {} : { binary }),
    ...(_rowMode === undefined ? {} : { rowMode: _rowMode }),
    portal,
  }
}

/** A cursor, a query stream, a COPY stream: anything that drives the wire itself. */
export interface Submittable {
  submit(wire: Wire): unknown
  /** What a pg.Query sends. */
  readonly text?: string | undefined
  readonly values?: readonly unknown[] | undefined
  callback?: unknown
  /** Of a stream. */
  readonly destroyed?: boolean
  readonly readableLength?: number
  /** Of what writes. */
  handleCopyInResponse?: unknown
  handleError?(error: Error, wire?: Wire): void
  handleCommandComplete?(message: { readonly text: string }, wire: Wire): void
  /** Only a pg.Query has this. */
  requiresPreparation?(): boolean
  handleReadyForQuery?(wire: Wire): void
}

/** pg.Client. */
export interface PgClient extends EventEmitter {
  readonly connection: Wire
  readonly processID: number | null
  readonly secretKey: number | null
  readonly host: string
  readonly port: number
  readonly user: string | undefined
  readonly database: string | undefined
  readonly password: unknown
  readonly ssl: unknown
  readonly connectionParameters: {
    query_timeout?: number | string | false
    readonly replication?: unknown
    readonly application_name?: string | undefined
    readonly fallback_application_name?: string | undefined
  }
  binary?: boolean
  /** Noted by pg-promise. */
  readonly serverVersion?: string
  readonly _types: unknown
  /** Under this name since pg 8.17, before as `queryQueue`. */
  readonly _queryQueue?: (PgQuery | Submittable)[]
  readonly queryQueue: (PgQuery | Submittable)[]
  /** Submits the first query of the queue, if the server is ready for one. */
  _pulseQueryQueue(): void
  _connectionTimeoutMillis?: number
  connect(callback: (error: Error | null) => void): void
  end(callback: () => void): void
  ref(): void
  unref(): void
  setTypeParser(...parameters: unknown[]): unknown
  getTypeParser(...parameters: unknown[]): unknown
  escapeIdentifier(text: string): string
  escapeLiteral(text: string): string
}

export interface PgClientClass {
  new (config?: string | ClientConfig): PgClient
  readonly prototype: object
  readonly Query: PgQueryClass
}
