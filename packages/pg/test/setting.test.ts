import { describe, expect, it } from 'vitest'
import { isTrue, keyOfSetting, nameOf, quoted, toSet, undoing } from '../src/transaction/setting.ts'

describe('a setting', () => {
  it.each([
    ['work_mem', 'set:work_mem', 'work_mem', 'RESET "work_mem"'],
    ['App.Tenant', 'set:app.tenant', 'app.tenant', 'RESET "app"."tenant"'],
    ['my.set:x', 'set:my.set:x', 'my.set:x', 'RESET "my"."set:x"'],
    ['ROLE', 'role', 'role', 'RESET ROLE'],
    [
      'Session_Authorization',
      'authorization',
      'session_authorization',
      'RESET SESSION AUTHORIZATION',
    ],
  ])('%s has the key %s, by which it is found and undone', (name, key, found, reset) => {
    expect(keyOfSetting(name)).toBe(key)
    expect(nameOf(key)).toBe(found)
    expect(undoing(key)).toBe(reset)
  })
  it.each([
    ['a', 'b', "SELECT pg_catalog.set_config(E'a', E'b', false)"],
    ["a'", "b\\'", "SELECT pg_catalog.set_config(E'a''', E'b\\\\''', false)"],
    ["''", '\\\\', "SELECT pg_catalog.set_config(E'''''', E'\\\\\\\\', false)"],
    ['a', null, "SELECT pg_catalog.set_config(E'a', NULL, false)"],
  ])('%s is set to %s by text that is read the same everywhere', (name, value, text) => {
    expect(toSet(name, value)).toBe(text)
  })
})

it('a name is quoted', () => {
  expect(quoted('a"b"')).toBe('"a""b"""')
})

it.each([
  ...['t', 'tr', 'tru', 'true', 'TRUE', 'y', 'ye', 'yes', 'on', '1', ' on ', '\ttrue\n'].map(
    (value) => [value, true] as const,
  ),
  ...['f', 'false', 'no', 'off', '0', '', 'o', 'truee', 'xt', 'on1', 't x', '11'].map(
    (value) => [value, false] as const,
  ),
  [true, true] as const,
  [1, true] as const,
  [false, false] as const,
  [undefined, false] as const,
])('%j is read as PostgreSQL reads a boolean: %s', (value, read) => {
  expect(isTrue(value)).toBe(read)
})
