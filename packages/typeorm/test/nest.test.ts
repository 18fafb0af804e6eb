import 'reflect-metadata'
import { randomUUID } from 'node:crypto'
import { type INestApplicationContext, Inject, Injectable, Module } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { getDataSourceToken, getRepositoryToken, TypeOrmModule } from '@nestjs/typeorm'
import { DataSource, type EntityManager, type Repository } from 'typeorm'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { RepriseSubscriber, reprise, rerunnable } from '../src/index.ts'
import { Database } from './database.ts'
import { PersonSchema, Post, PostSchema } from './entities.ts'

/*
 * A Nest application as its documentation has it, with the decorators applied by hand: they are no
 * syntax that can be erased.
 */

class PostService {
  readonly #posts: Repository<Post>
  readonly #source: DataSource

  constructor(posts: Repository<Post>, source: DataSource) {
    this.#posts = posts
    this.#source = source
  }

  async write(title: string): Promise<Post> {
    return this.#posts.save(Object.assign(new Post(), { id: randomUUID(), title }))
  }

  async together(work: (manager: EntityManager) => Promise<void>): Promise<void> {
    await this.#source.transaction(rerunnable(work))
  }
}
Injectable()(PostService)
Inject(getRepositoryToken(PostSchema))(PostService, undefined, 0)
Inject(getDataSourceToken())(PostService, undefined, 1)

let database: Database

beforeAll(async () => {
  database = await Database.create(inject('serverUrl'))
})

afterAll(() => database.close())

const entities = [PersonSchema, PostSchema]
const plain = () => ({
  type: 'postgres' as const,
  url: database.url,
  poolSize: 2,
  synchronize: true,
  retryAttempts: 1,
})

const roots = [
  [
    'forRoot with the subscriber',
    () => TypeOrmModule.forRoot({ ...plain(), entities, subscribers: [RepriseSubscriber] }),
  ],
  ['forRoot with reprise()', () => TypeOrmModule.forRoot(reprise({ ...plain(), entities }))],
  [
    'forRoot with reprise() and autoLoadEntities',
    () => TypeOrmModule.forRoot(reprise({ ...plain(), autoLoadEntities: true })),
  ],
  [
    'forRootAsync with useFactory',
    () => TypeOrmModule.forRootAsync({ useFactory: () => reprise({ ...plain(), entities }) }),
  ],
  [
    'forRootAsync with a dataSourceFactory',
    () =>
      TypeOrmModule.forRootAsync({
        useFactory: () => ({ ...plain(), entities, subscribers: [RepriseSubscriber] }),
        dataSourceFactory: async (options) => new DataSource(options!).initialize(),
      }),
  ],
] as const

describe.each(roots)('%s', (_, root) => {
  async function boot(): Promise<INestApplicationContext> {
    class AppModule {}
    Module({ imports: [root(), TypeOrmModule.forFeature(entities)], providers: [PostService] })(
      AppModule,
    )
    return NestFactory.createApplicationContext(AppModule, { logger: false, abortOnError: false })
  }

  test('an application outlives its connections and shuts down', async () => {
    const app = await boot()
    const service = app.get(PostService)
    expect(await database.killAll()).toBeGreaterThan(0)
    const post = await service.write('nest')
    let runs = 0
    await service.together(async (manager) => {
      const [{ title }] = await manager.query('select title, random() from post where id = $1', [
        post.id,
      ])
      if (++runs === 1) await database.killAll()
      await manager.update(Post, { id: post.id }, { title: `${title}!` })
    })
    expect(runs).toBe(2)
    const rows = await database.sql('select title, version from post where id = $1', [post.id])
    expect(rows).toEqual([{ title: 'nest!', version: 2 }])
    await app.close()
  })
})
