import { describe, expect, test } from 'vitest'
import { analyze } from '../src/sql/analyze.ts'
import { Cache } from '../src/sql/cache.ts'

describe('the cache', () => {
  test('a text that is sent again gets the same answer, object for object', () => {
    expect(analyze('select 12345')).toBe(analyze(['select', '12345'].join(' ')))
  })

  test('a query that is sent with other values gets the same answer, object for object', () => {
    const first = analyze('update t set a = a + 1 where id = 17')
    expect(analyze('update t set a = a + 1 where id = 18')).toBe(first)
    const rows = analyze("insert into t values (1, 'a'), (2, 'b;'), (3, null)")
    expect(analyze("insert into t values (4, 'it''s')")).toBe(rows)
    expect(analyze('select * from t where id in ($1)')).toBe(
      analyze('select * from t where id in ($1, $2, $3)'),
    )
    expect(analyze('update t set a = a + 2 where ID = 18')).not.toBe(first)
  })

  test('a text that is asked for now and then outlives many that are not', () => {
    const kept = analyze('select a54321')
    for (let i = 0; i < 20_000; i++) {
      analyze(`select a${i} as a`)
      if (i % 500 === 0) expect(analyze('select a54321')).toBe(kept)
    }
  })

  test('it forgets, and keeps long texts but no very long ones', () => {
    const first = analyze('select a11111')
    for (let i = 0; i < 20_000; i++) analyze(`select a${i} as b`)
    expect(analyze('select a11111')).not.toBe(first)
    const columns = (count: number) => `select ${Array.from({ length: count }, (_, i) => `c${i}`)}`
    expect(analyze(columns(8000))).toBe(analyze(columns(8000)))
    expect(analyze(columns(16_000))).not.toBe(analyze(columns(16_000)))
  })

  test('what it holds stays within twice its bound', () => {
    const cache = new Cache<number>(100_000)
    const keys = Array.from({ length: 1000 }, (_, i) => `${i}${'x'.repeat(i % 5000)}`)
    for (const [i, key] of keys.entries()) cache.set(key, i)
    const held = keys.filter((key, i) => cache.get(key) === i)
    expect(held.at(-1)).toBe(keys.at(-1))
    expect(held.reduce((sum, key) => sum + 2 * key.length, 0)).toBeLessThanOrEqual(200_000)
  })
})
