import { TypeOrmModule } from '@nestjs/typeorm'
import { DataSource, type DataSourceOptions, type EntityManager } from 'typeorm'
import { expect, expectTypeOf, test } from 'vitest'
import { RepriseSubscriber, reprise, repriseSubscriber, rerunnable } from '../src/index.ts'

test('the types fit where TypeORM and NestJS take them', () => {
  const options = reprise({ type: 'postgres', url: 'postgres://h/d', entities: [] })
  expectTypeOf(options).toExtend<DataSourceOptions>()
  expectTypeOf(options.type).toEqualTypeOf<'postgres'>()
  expectTypeOf(DataSource).toBeConstructibleWith(options)
  expectTypeOf(TypeOrmModule.forRoot).toBeCallableWith(
    reprise({ type: 'postgres', autoLoadEntities: true }),
  )
  expectTypeOf(DataSource).toBeConstructibleWith({
    type: 'postgres',
    subscribers: [RepriseSubscriber, repriseSubscriber({ deadline: 1 })],
  })
  expectTypeOf(repriseSubscriber()).toEqualTypeOf<typeof RepriseSubscriber>()

  const source = new DataSource(options)
  const work = rerunnable(async (manager: EntityManager) => manager.connection.isInitialized)
  expectTypeOf(source.transaction<boolean>).toBeCallableWith(work)
  expectTypeOf(source.transaction<boolean>).toBeCallableWith('SERIALIZABLE', work)

  // @ts-expect-error no PostgreSQL
  expect(() => reprise({ type: 'sqljs' })).toThrow(TypeError)
  // @ts-expect-error no such option
  expect(() => reprise({ type: 'postgres' }, { dead: 1 })).toThrow(TypeError)
  // @ts-expect-error not of this type
  expect(() => repriseSubscriber({ replay: 'always' })).toThrow(TypeError)
  // @ts-expect-error no function
  expect(() => rerunnable(1)).toThrow(TypeError)
})
