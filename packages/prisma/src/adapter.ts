import { PrismaPg } from '@prisma/adapter-pg'
import { optionAmong, type RepriseOptions, type Settings, settingsOf } from '@reprise/core'
import { reprise, reprisePool } from '@reprise/pg'
import { tellOutcomes } from './outcome.ts'
import { checkVersion } from './version.ts'

type PrismaPgParameters = ConstructorParameters<typeof PrismaPg>
type PoolOrConfig = PrismaPgParameters[0]
type Pool = Extract<PoolOrConfig, { readonly totalCount: number }>
type PoolConfig = Exclude<PoolOrConfig, string | Pool>

/** What `PrismaPg` takes as its second argument. */
export type PrismaPgOptions = NonNullable<PrismaPgParameters[1]>

/** The options of Reprise and those of `PrismaPg`, in one object. */
export interface AdapterOptions extends RepriseOptions, PrismaPgOptions {}

/** Where an adapter keeps its settings: a symbol that two copies of this package share. */
const mark = Symbol.for('reprise.prisma.settings')

/** The options that are passed on to `PrismaPg`; all others are ours to judge. */
const theirs: { readonly [N in keyof PrismaPgOptions]-?: true } = {
  schema: true,
  disposeExternalPool: true,
  onPoolError: true,
  onConnectionError: true,
  userDefinedTypeParser: true,
  statementNameGenerator: true,
}

/** Pools that have been put on sessions here. */
const reprised = new WeakSet<object>()

class RepriseAdapter extends PrismaPg {
  readonly [mark]: Settings

  constructor(poolOrConfig: PoolOrConfig, options: PrismaPgOptions, settings: Settings) {
    super(poolOrConfig, options)
    this[mark] = settings
  }

  override async connect(): ReturnType<PrismaPg['connect']> {
    const connected = await super.connect()
    reprisePool(connected.underlyingDriver())
    return tellOutcomes(connected)
  }
}

/**
 * A drop-in for `new PrismaPg(…)` whose connections may be lost: every client of its pool is a
 * session.
 *
 *     new PrismaClient({ adapter: repriseAdapter({ connectionString }) }).$extends(reprise())
 *
 * @param config what `PrismaPg` takes: a connection string, a pool's configuration or a pg.Pool
 * @param options the options of Reprise and of `PrismaPg`
 * @throws TypeError with one sentence that says what to do
 */
export function repriseAdapter(config: PoolOrConfig, options: AdapterOptions = {}): PrismaPg {
  checkVersion('@prisma/adapter-pg')
  const { own, passed } = divided(options)
  const settings = settingsOf(own)
  if (typeof config === 'string') {
    return new RepriseAdapter({ connectionString: config, ...reprise(own) }, passed, settings)
  }
  if (typeof config !== 'object' || config === null) {
    throw new TypeError(
      'repriseAdapter() takes what PrismaPg takes: pass { connectionString }, a connection string or a pg.Pool.',
    )
  }
  if (typeof (config as { adapterName?: unknown }).adapterName === 'string') {
    throw new TypeError(
      'repriseAdapter() is made in place of a PrismaPg: write repriseAdapter({ connectionString }), not repriseAdapter(new PrismaPg(…)).',
    )
  }
  if (isPool(config)) return onPool(config, own, passed, settings)
  if ((config as { Client?: unknown }).Client !== undefined) throw twice()
  // pg-pool has a log of its own.
  const misplaced = optionAmong(config, ['log'])
  if (misplaced !== undefined) {
    throw new TypeError(
      `'${misplaced}' is an option of Reprise, not of the pool: write repriseAdapter({ connectionString }, { ${misplaced} }).`,
    )
  }
  const pooled: PoolConfig = { ...config, ...reprise(own) }
  return new RepriseAdapter(pooled, passed, settings)
}

/** The settings of the adapter under a client, if it is one of ours. */
export function settingsUnder(adapter: unknown): Settings | undefined {
  return (adapter as { [mark]?: Settings } | undefined)?.[mark]
}

function onPool(
  pool: Pool,
  own: RepriseOptions,
  passed: PrismaPgOptions,
  settings: Settings,
): PrismaPg {
  const { options } = pool as { options?: { Client?: unknown } }
  if (options?.Client !== undefined || reprised.has(pool)) throw twice()
  const adapter = new RepriseAdapter(pool, passed, settings)
  if ((adapter as unknown as { externalPool: unknown }).externalPool !== pool) {
    throw new TypeError(
      'This pool was made by another copy of pg than the one @prisma/adapter-pg uses: pass the configuration of the pool instead.',
    )
  }
  reprisePool(pool, own)
  reprised.add(pool)
  return adapter
}

function divided(options: AdapterOptions): { own: RepriseOptions; passed: PrismaPgOptions } {
  if (typeof options !== 'object' || options === null) return { own: options, passed: {} }
  const entries = Object.entries(options)
  const isTheirs = ([name]: [string, unknown]): boolean => Object.hasOwn(theirs, name)
  return {
    own: Object.fromEntries(entries.filter((entry) => !isTheirs(entry))),
    passed: Object.fromEntries(entries.filter(isTheirs)),
  }
}

function isPool(config: PoolOrConfig): config is Pool {
  const { connect, totalCount } = config as { connect?: unknown; totalCount?: unknown }
  return typeof connect === 'function' && typeof totalCount === 'number'
}

function twice(): TypeError {
  return new TypeError(
    'repriseAdapter() puts its own Client under the pool, and this pool has one already: leave the other reprise() or Client out.',
  )
}
