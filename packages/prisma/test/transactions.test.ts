import { PrismaPg } from '@prisma/adapter-pg'
import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  inject,
  test,
  vi,
} from 'vitest'
import { until } from '../../../test/kit/index.ts'
import { type RepriseOptions, reprise, rerunnable } from '../src/index.ts'
import { heard } from './shop/heard.ts'
import { type Fault, isCommit, Proxied } from './shop/proxied.ts'
import { type Client, generated, Shop } from './shop/shop.ts'

let shop: Shop
const open: Proxied[] = []

beforeAll(async () => {
  shop = await Shop.create(inject('serverUrl'))
})
afterAll(() => shop?.close())
beforeEach(() => shop.refill())
afterEach(async () => {
  for (const proxied of open.splice(0)) await proxied.close()
})

async function client(options?: RepriseOptions, max?: number): Promise<Proxied> {
  const proxied = await Proxied.open(shop, options, max)
  open.push(proxied)
  return proxied
}

async function times(token: string): Promise<number> {
  return (await shop.sql('select from entry where token = $1', [token])).length
}

/** Both forms of a transaction that writes two rows and a serial number. */
const forms: Readonly<Record<string, (prisma: Client) => Promise<unknown>>> = {
  'with a callback': (prisma) =>
    prisma.$transaction(async (tx) => {
      await tx.account.update({ where: { id: 1 }, data: { balance: { increment: 1 } } })
      await tx.entry.create({ data: { token: 'form', amount: 1 } })
    }),
  'with an array': (prisma) =>
    prisma.$transaction([
      prisma.account.update({ where: { id: 1 }, data: { balance: { increment: 1 } } }),
      prisma.entry.create({ data: { token: 'form', amount: 1 } }),
    ]),
}

const faults: Readonly<Record<string, Fault>> = {
  'the reply to COMMIT is lost': () => 'swallow',
  'COMMIT is not delivered': () => 'cut',
  'the backend is killed before COMMIT': async () => {
    await shop.killAll()
    return 'pass' as const
  },
}

describe.each(Object.entries(forms))('a transaction %s', (form, work) => {
  // Before the commit, a callback whose serial numbers cannot be kept can only be told so.
  const mended = form === 'with an array' || undefined
  test.each(Object.entries(faults))('is done once where %s', async (name, fault) => {
    const proxied = await client()
    const { error } = await proxied.run(work, isCommit, 0, fault)
    if (mended || name.includes('reply')) {
      expect(error).toBeUndefined()
      expect(await times('form')).toBe(1)
    } else {
      if (error !== undefined) expect(error).toMatchObject({ outcome: 'rolled-back' })
      expect(await times('form')).toBe(error === undefined ? 1 : 0)
    }
    expect(await shop.sql('select balance from account where id = 1')).toEqual([
      { balance: 1000 + (await times('form')) },
    ])
  })

  test('is done once where a slow COMMIT is cut', async () => {
    await shop.sql(`
      create function slowly() returns trigger language plpgsql as
        'begin perform pg_advisory_xact_lock_shared(7); return null; end';
      create constraint trigger slow after insert on entry deferrable initially deferred
        for each row execute function slowly()`)
    const proxied = await client()
    await shop.sql('select pg_advisory_lock(7)')
    try {
      const waiting = async (): Promise<number[]> =>
        (
          await shop.sql(`select pid from pg_locks where locktype = 'advisory' and not granted`)
        ).map(({ pid }) => pid)
      let cut: number | undefined
      const running = proxied.run(work, isCommit, 0, () => {
        void until(async () => (await waiting())[0]).then((pid) => {
          cut = pid
          proxied.proxy.connections[0]?.reset()
        })
        return 'pass'
      })
      // The cut backend is still committing: it has to be out of the way before anything is repeated.
      await until(async () => cut !== undefined && !(await waiting()).includes(cut))
      await shop.sql('select pg_advisory_unlock(7)')
      const { error } = await running
      if (mended) expect(error).toBeUndefined()
      expect(await times('form')).toBe(error === undefined ? 1 : 0)
    } finally {
      await shop.sql('select pg_advisory_unlock_all(); drop function slowly() cascade')
    }
  })
})

describe('a transaction that PostgreSQL refuses', () => {
  beforeAll(() =>
    shop.sql(`
      create sequence refusals;
      create function refuse() returns trigger language plpgsql as $$ begin
        if nextval('refusals') <= 2 then
          raise exception using errcode = new.token;
        end if;
        new.token = 'accepted';
        return new;
      end $$;
      create function refuse_late() returns trigger language plpgsql as $$ begin
        if nextval('refusals') <= 2 then raise exception using errcode = '40001'; end if;
        return null;
      end $$;
      create trigger refuse before insert on entry for each row
        when (new.token like '40___') execute function refuse();
      create constraint trigger refuse_late after insert on entry deferrable initially deferred
        for each row when (new.token = 'late') execute function refuse_late()`),
  )
  beforeEach(() => shop.sql('alter sequence refusals restart'))
  afterAll(() => shop.sql('drop function refuse() cascade; drop function refuse_late() cascade'))

  test.each(['40001', '40P01'])('with %s is run again, if rerunnable', async (code) => {
    const { client: prisma } = await client()
    let runs = 0
    await prisma.$transaction(
      rerunnable(async (tx) => {
        runs += 1
        await tx.account.update({ where: { id: 1 }, data: { balance: { increment: 1 } } })
        await tx.entry.create({ data: { token: code, amount: 1 } })
      }),
    )
    expect(runs).toBe(3)
    expect(await times('accepted')).toBe(1)
    expect((await shop.sql('select balance from account where id = 1'))[0].balance).toBe(1001)
  })

  test('at its COMMIT is run again, if rerunnable', async () => {
    const { client: prisma } = await client()
    let runs = 0
    await prisma.$transaction(
      rerunnable(async (tx) => {
        runs += 1
        await tx.entry.create({ data: { token: 'late', amount: 1 } })
      }),
    )
    expect(runs).toBe(3)
    expect(await times('late')).toBe(1)
  })

  test('is refused to its caller as P2034, if not rerunnable', async () => {
    const { client: prisma } = await client()
    for (const token of ['40001', 'late']) {
      const failing = prisma.$transaction(async (tx) => {
        await tx.entry.create({ data: { token, amount: 1 } })
      })
      await expect(failing).rejects.toMatchObject({
        name: 'PrismaClientKnownRequestError',
        code: 'P2034',
      })
    }
  })

  test('is run again without being asked, when it is an array or a single operation', async () => {
    const { client: prisma } = await client()
    await prisma.entry.create({ data: { token: '40001', amount: 1 } })
    await shop.sql('alter sequence refusals restart')
    await prisma.entry.create({
      data: { token: '40P01', amount: 1, tags: { create: { name: 'n' } } },
    })
    await shop.sql('alter sequence refusals restart')
    await prisma.$transaction([
      prisma.account.update({ where: { id: 1 }, data: { balance: { increment: 1 } } }),
      prisma.entry.create({ data: { token: '40001', amount: 1 } }),
    ])
    expect(await times('accepted')).toBe(3)
    expect((await shop.sql('select balance from account where id = 1'))[0].balance).toBe(1001)
  })

  test('is run again by its outermost form only', async () => {
    const { client: prisma } = await client()
    let inner = 0
    let outer = 0
    const nested = prisma.$transaction(async (tx) => {
      outer += 1
      await tx.$transaction(
        rerunnable(async (deeper) => {
          inner += 1
          await deeper.entry.create({ data: { token: '40001', amount: 1 } })
        }),
      )
    })
    await expect(nested).rejects.toMatchObject({ code: 'P2034' })
    expect({ inner, outer }).toEqual({ inner: 1, outer: 1 })
    await shop.sql('alter sequence refusals restart')
    await prisma.$transaction(
      rerunnable(async (tx) => {
        await tx.$transaction((deeper) =>
          deeper.entry.create({ data: { token: '40001', amount: 1 } }),
        )
      }),
    )
    expect(await times('accepted')).toBe(1)
  })
})

/** Makes the transaction on its connection diverge: its first answer will not come again. */
async function diverge(tx: Client): Promise<void> {
  await tx.$queryRaw`select random()`
  await shop.killAll()
}

describe('a callback', () => {
  test('goes on as if nothing had happened, where its answers come again', async () => {
    const { client: prisma } = await client()
    const after = await prisma.$transaction(
      async (tx) => {
        await tx.account.update({ where: { id: 1 }, data: { balance: { increment: 5 } } })
        await shop.killAll()
        await tx.entry.createMany({ data: { token: 'kept', amount: 5 } })
        await shop.killAll()
        return tx.account.findUnique({ where: { id: 1 } })
      },
      { isolationLevel: 'Serializable' },
    )
    expect(after.balance).toBe(1005)
    expect(await times('kept')).toBe(1)
  })

  test('is run again where they do not, if rerunnable, and says so', async () => {
    const { client: prisma } = await client()
    let runs = 0
    const reruns = await heard('reprise:rerun', () =>
      prisma.$transaction(
        rerunnable(async (tx) => {
          runs += 1
          if (runs === 1) await diverge(tx)
          await tx.entry.create({ data: { token: 'once', amount: 1 } })
        }),
      ),
    )
    expect(runs).toBe(2)
    expect(reruns).toMatchObject([{ attempt: 2, outcome: 'rolled-back' }])
    expect(await times('once')).toBe(1)
  })

  test('is not run again, if not rerunnable', async () => {
    const { client: prisma } = await client()
    let runs = 0
    const failing = prisma.$transaction(async (tx) => {
      runs += 1
      await diverge(tx)
      await tx.entry.create({ data: { token: 'never', amount: 1 } })
    })
    await expect(failing).rejects.toMatchObject({ code: 'P2034', outcome: 'rolled-back' })
    expect(runs).toBe(1)
    expect(await times('never')).toBe(0)
  })

  test('is not run again when it wrote through the outer client, and says so', async () => {
    const { client: prisma } = await client({}, 3)
    let runs = 0
    const advice = await heard('reprise:advice', () =>
      expect(
        prisma.$transaction(
          rerunnable(async (tx) => {
            runs += 1
            await prisma.entry.create({ data: { token: 'outside', amount: 1 } })
            await diverge(tx)
            await tx.entry.create({ data: { token: 'inside', amount: 1 } })
          }),
        ),
      ).rejects.toMatchObject({ outcome: 'in-doubt', reason: 'in-parts' }),
    )
    expect(runs).toBe(1)
    expect(await times('outside')).toBe(1)
    expect(await times('inside')).toBe(0)
    expect(advice).toMatchObject([{ advice: expect.stringContaining('another client') }])
  })

  test('is not run again when it made a transaction of the outer client', async () => {
    const { client: prisma } = await client({}, 3)
    const failing = prisma.$transaction(
      rerunnable(async (tx) => {
        await prisma.$transaction([prisma.entry.create({ data: { token: 'outside', amount: 1 } })])
        await diverge(tx)
        await tx.entry.create({ data: { token: 'inside', amount: 1 } })
      }),
    )
    await expect(failing).rejects.toMatchObject({ outcome: 'in-doubt', reason: 'in-parts' })
    expect(await times('outside')).toBe(1)
  })

  test('may read through the outer client', async () => {
    const { client: prisma } = await client({}, 3)
    let runs = 0
    await prisma.$transaction(
      rerunnable(async (tx) => {
        runs += 1
        await prisma.account.findUnique({ where: { id: 1 } })
        await prisma.$queryRaw`select 1`
        if (runs === 1) await diverge(tx)
        await tx.entry.create({ data: { token: 'once', amount: 1 } })
      }),
    )
    expect(runs).toBe(2)
    expect(await times('once')).toBe(1)
  })

  test('is not run again after it has committed by itself', async () => {
    const { client: prisma } = await client()
    const failing = prisma.$transaction(
      rerunnable(async (tx) => {
        await tx.entry.create({ data: { token: 'early', amount: 1 } })
        await tx.$executeRaw`commit`
        throw Object.assign(new Error('made up'), { code: '40001' })
      }),
    )
    await expect(failing).rejects.toThrow('made up')
    expect(await times('early')).toBe(1)
  })
})

describe('without the adapter, where no session watches', () => {
  let prisma: Client
  beforeAll(async () => {
    const { PrismaClient } = await generated()
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
    prisma = new PrismaClient({ adapter: new PrismaPg(shop.url) }).$extends(reprise())
    warn.mockRestore()
  })
  afterAll(() => prisma?.$disconnect())

  const refused = (): never => {
    throw Object.assign(new Error('refused'), { code: '40001' })
  }

  test('a callback that PostgreSQL refuses is run again', async () => {
    let runs = 0
    await prisma.$transaction(
      rerunnable(async (tx) => {
        await tx.entry.create({ data: { token: 'again', amount: 1 } })
        runs += 1
        if (runs === 1) refused()
      }),
    )
    expect(await times('again')).toBe(1)
  })

  test.each<[string, (tx: Client) => Promise<unknown>]>([
    ['wrote outside', () => prisma.entry.create({ data: { token: 'done', amount: 1 } })],
    [
      'wrote outside, in SQL',
      () => prisma.$queryRaw`insert into entry (token, amount) values ('done', 1)`,
    ],
    [
      'made a transaction',
      () => prisma.$transaction((tx) => tx.entry.create({ data: { token: 'done', amount: 1 } })),
    ],
    [
      'committed by itself',
      async (tx) => {
        await tx.entry.create({ data: { token: 'done', amount: 1 } })
        await tx.$executeRaw`commit`
      },
    ],
  ])('one that %s is not run again', async (_name, work) => {
    const failing = prisma.$transaction(
      rerunnable(async (tx) => {
        await work(tx)
        refused()
      }),
    )
    await expect(failing).rejects.toThrow('refused')
    expect(await times('done')).toBe(1)
  })
})

test('a procedure that commits as it goes is not run again', async () => {
  await shop.sql(`create procedure halfway() language plpgsql as $$ begin
    insert into entry (token, amount) values ('half', 1);
    commit;
    raise exception using errcode = '40001';
  end $$`)
  const { client: prisma } = await client()
  await expect(prisma.$executeRaw`call halfway()`).rejects.toMatchObject({ code: 'P2010' })
  expect(await times('half')).toBe(1)
})
