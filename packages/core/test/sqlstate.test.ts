import { describe, expect, test } from 'vitest'
import {
  type Condition,
  conditionOf,
  endsConnection,
  isPassing,
  isPassingSocketError,
  isShortage,
  sqlstateOf,
} from '../src/loss/sqlstate.ts'

const names: readonly (readonly [string, Condition])[] = [
  ['08000', 'connection_exception'],
  ['08001', 'sqlclient_unable_to_establish_sqlconnection'],
  ['08003', 'connection_does_not_exist'],
  ['08004', 'sqlserver_rejected_establishment_of_sqlconnection'],
  ['08006', 'connection_failure'],
  ['08007', 'transaction_resolution_unknown'],
  ['08P01', 'protocol_violation'],
  ['25006', 'read_only_sql_transaction'],
  ['25P03', 'idle_in_transaction_session_timeout'],
  ['25P04', 'transaction_timeout'],
  ['40000', 'transaction_rollback'],
  ['40001', 'serialization_failure'],
  ['40P01', 'deadlock_detected'],
  ['53300', 'too_many_connections'],
  ['57014', 'query_canceled'],
  ['57P01', 'admin_shutdown'],
  ['57P02', 'crash_shutdown'],
  ['57P03', 'cannot_connect_now'],
  ['57P04', 'database_dropped'],
  ['57P05', 'idle_session_timeout'],
]

describe('conditions', () => {
  test.each(names)('%s is %s, there and back', (code, condition) => {
    expect(conditionOf(code)).toBe(condition)
    expect(sqlstateOf(condition)).toBe(code)
  })

  test.each(['', '00000', '23505', '57p01', '57P01 ', '57P99', 'constructor', '__proto__'])(
    'no other code is a condition: %j',
    (code) => {
      expect(conditionOf(code)).toBeUndefined()
    },
  )
})

describe('endsConnection', () => {
  test.each(['57P01', '57P02', '57P04', '57P05', '25P03', '25P04', '08000', '08006', '08P01'])(
    '%s says that the connection is over',
    (code) => {
      expect(endsConnection(code)).toBe(true)
    },
  )

  test.each([
    '57014',
    '57P03',
    '25P01',
    '25P02',
    '25006',
    '40001',
    '40P01',
    '53300',
    '08',
    '',
    '080000',
  ])('%j does not', (code) => {
    expect(endsConnection(code)).toBe(false)
  })
})

describe('isPassing', () => {
  test.each(['57P01', '57P02', '57P03', '53300', '08000', '08001', '08003', '08004', '08006'])(
    'a connect refused with %s passes by waiting',
    (code) => {
      expect(isPassing(code)).toBe(true)
    },
  )

  test.each(['08P01', '28P01', '28000', '3D000', '42501', '57P04', '55000', '53200', ''])(
    'a connect refused with %j does not',
    (code) => {
      expect(isPassing(code)).toBe(false)
    },
  )
})

describe('isShortage', () => {
  test.each(['53000', '53100', '53200', '53300', '53400'])('%s says so', (code) => {
    expect(isShortage(code)).toBe(true)
  })
  test.each(['54000', '58030', '57P03', '53', '530000', ''])('%j does not', (code) => {
    expect(isShortage(code)).toBe(false)
  })
})

describe('isPassingSocketError', () => {
  test.each([
    'ECONNREFUSED',
    'ECONNRESET',
    'EPIPE',
    'ETIMEDOUT',
    'EHOSTUNREACH',
    'ENETUNREACH',
    'ENETDOWN',
    'EAI_AGAIN',
    'ECONNABORTED',
    'EADDRNOTAVAIL',
    'ENOENT',
  ])('%s passes by waiting', (code) => {
    expect(isPassingSocketError(code)).toBe(true)
  })

  test.each(['ENOTFOUND', 'EACCES', 'CERT_HAS_EXPIRED', 'ERR_TLS_CERT_ALTNAME_INVALID', ''])(
    '%j does not',
    (code) => {
      expect(isPassingSocketError(code)).toBe(false)
    },
  )
})
