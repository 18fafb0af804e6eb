import { type RepriseOptions, settingsOf } from '@reprise/core'
import { reprise } from '@reprise/pg'
import pg, { type ClientConfig } from 'pg'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { nameOf } from '../src/connection/address.ts'
import { hostListOf } from '../src/connection/host-list.ts'
import type { PgClient } from '../src/connection/wire.ts'

afterEach(() => vi.unstubAllEnvs())

/** What a configuration and options come to, and what pg makes of the rest. */
function listed(config: string | ClientConfig, options?: RepriseOptions) {
  const list = hostListOf(config, settingsOf(options))
  const client = new pg.Client(list.config) as unknown as PgClient
  const hosts = list.addresses(client).map(nameOf)
  const { user, database, password } = client
  return { hosts, target: list.target, shuffled: list.shuffled, user, database, password }
}

const me = { user: 'me', database: 'shop' }

describe('hosts', () => {
  it.each<[string, string | ClientConfig, string[]]>([
    ['in a connection string', 'postgres://me:pw@a:1,b:2/shop', ['a:1', 'b:2']],
    [
      'as a config of its own',
      { connectionString: 'postgresql://me:pw@a:1,b/shop' },
      ['a:1', 'b:5432'],
    ],
    [
      'with addresses of IPv6',
      'postgres://me:pw@[::1]:1,[::2],c:3/shop',
      ['[::1]:1', '[::2]:5432', 'c:3'],
    ],
    ['with a password full of signs', 'postgres://me:p%40:,w@a:1,b:2/shop', ['a:1', 'b:2']],
    [
      'with directories of sockets',
      'postgres://me:pw@%2Ftmp,%2Fvar:6/shop',
      ['/tmp:5432', '/var:6'],
    ],
    ['as parameters', 'postgres:///shop?user=me&password=pw&host=a,b&port=1,2', ['a:1', 'b:2']],
    [
      'as parameters with one port',
      'postgres:///shop?user=me&password=pw&host=a,b&port=7',
      ['a:7', 'b:7'],
    ],
    ['as host and port', { ...me, host: 'a,b', port: '1,2' as never }, ['a:1', 'b:2']],
    ['as host and one port', { ...me, host: 'a,b', port: 7 }, ['a:7', 'b:7']],
    ['one', 'postgres://me:pw@a:1/shop', ['a:1']],
  ])('are read %s', (_how, config, hosts) => {
    expect(listed(config)).toMatchObject({ hosts, target: 'any', shuffled: false, ...me })
  })
  it('leave all else in the configuration, also what a pool hides', () => {
    const pool = new pg.Pool({
      connectionString: 'postgres://a,b/shop',
      password: 'hidden',
      max: 3,
    })
    const list = hostListOf(pool.options, settingsOf())
    expect(list.config).toMatchObject({ password: 'hidden', max: 3 })
    expect(pool.options.connectionString).toBe('postgres://a,b/shop')
  })
  it('are read in the environment, as pg does where nothing else names one', () => {
    vi.stubEnv('PGHOST', 'a,b')
    vi.stubEnv('PGPORT', '1,2')
    expect(listed({}).hosts).toEqual(['a:1', 'b:2'])
  })
  it.each([
    ['any'],
    ['primary'],
    ['standby'],
    ['prefer-standby'],
    ['read-write'],
    ['read-only'],
  ] as const)('and the target %s, in the string or the options', (target) => {
    const url = `postgres://a,b/shop?target_session_attrs=${target}&load_balance_hosts=random`
    expect(listed(url)).toMatchObject({ target, shuffled: true })
    expect(listed('postgres://a/shop', { target, loadBalanceHosts: 'random' })).toMatchObject({
      hosts: ['a:5432'],
      target,
      shuffled: true,
    })
  })
  it('and both in the environment, as in libpq, where nothing else says them', () => {
    vi.stubEnv('PGTARGETSESSIONATTRS', 'read-write')
    vi.stubEnv('PGLOADBALANCEHOSTS', 'random')
    expect(listed('postgres://a,b/shop')).toMatchObject({ target: 'read-write', shuffled: true })
    expect(listed({ host: 'a' })).toMatchObject({ target: 'read-write', shuffled: true })
    expect(
      listed('postgres://a,b/shop?target_session_attrs=any&load_balance_hosts=disable'),
    ).toMatchObject({ target: 'any', shuffled: false })
    expect(listed({}, { target: 'standby', loadBalanceHosts: 'disable' })).toMatchObject({
      target: 'standby',
      shuffled: false,
    })
    vi.stubEnv('PGTARGETSESSIONATTRS', '')
    vi.stubEnv('PGLOADBALANCEHOSTS', '')
    expect(listed('postgres://a,b/shop')).toMatchObject({ target: 'any', shuffled: false })
  })
  it('of the options count instead of all others; the rest is as the configuration says', () => {
    const url =
      'postgres://me:pw@x:1,y:2/shop?target_session_attrs=primary&load_balance_hosts=random'
    const options = { hosts: ['a', '[::1]:2', '::1'], loadBalanceHosts: 'disable' } as const
    expect(listed(url, options)).toEqual({
      hosts: ['a:5432', '[::1]:2', '[::1]:5432'],
      target: 'primary',
      shuffled: false,
      password: 'pw',
      ...me,
    })
    expect(listed('postgres://x:7/shop', { hosts: ['a', 'b:2'] }).hosts).toEqual(['a:7', 'b:2'])
  })
})

describe('a sentence refuses', () => {
  it.each<[string, RepriseOptions]>([
    ['an empty list', { hosts: [] }],
    ['what is no list', { hosts: 'a,b' as never }],
    ['an empty host', { hosts: ['a', ''] }],
    ['a port that is none', { hosts: ['a:x'] }],
    ['a port out of range', { hosts: ['a:65536'] }],
    ['two hosts in one', { hosts: ['a:1,b:2'] }],
    ['a URL', { hosts: ['postgres://a:1/shop'] }],
    ['what is no text', { hosts: [5432 as never] }],
  ])('%s', (_what, options) => {
    expect(() => reprise(options)).toThrow(
      /^Reprise option 'hosts' must be a list of hosts such as/,
    )
  })
  it.each([
    ['PGTARGETSESSIONATTRS', 'leader', 'must be any, primary'],
    ['PGLOADBALANCEHOSTS', 'yes', 'must be disable, random.'],
  ])('%s=%s in the environment', (name, word, sentence) => {
    vi.stubEnv(name, word)
    const { Client } = reprise()
    const make = (): unknown => new Client('postgres://me:secret@a,b/shop')
    expect(make).toThrow(`${name}=${word} in the environment ${sentence}`)
  })
  it('an unknown target and an unknown way to balance', () => {
    expect(() => reprise({ target: 'leader' as never })).toThrow(
      "Reprise option 'target' must be 'any' or 'primary' or",
    )
    expect(() => reprise({ loadBalanceHosts: true as never })).toThrow(
      "Reprise option 'loadBalanceHosts' must be 'disable' or 'random'.",
    )
  })
  it.each<[string | ClientConfig, string]>([
    ['postgres://me:secret@a,b/shop?target_session_attrs=leader', 'target_session_attrs=leader'],
    ['postgres://me:secret@a,b/shop?load_balance_hosts=yes', 'load_balance_hosts=yes'],
    ['postgres://me:secret@a,,b/shop', "'' is no host"],
    ['postgres://me:secret@a:x,b/shop', "'a:x' is no host"],
    ['postgres:///shop?host=a,b,c&port=1,2', 'There are 3 hosts and 2 ports'],
    ['postgres:///shop?host=a,b&port=1,x', "'x' is no port"],
  ])('%s, without the password', (config, sentence) => {
    const { Client } = reprise()
    let said = ''
    try {
      new Client(config)
    } catch (error) {
      expect(error).toBeInstanceOf(TypeError)
      said = String(error)
    }
    expect(said).toContain(sentence)
    expect(said).not.toContain('secret')
  })
})
