import type { Client } from './shop.ts'

/** One way to ask Prisma for something, on a fresh shop. */
export type Shape = (prisma: Client, token: string) => Promise<unknown>

const first = { where: { id: 1 } }

/** Every kind of single operation, by name. */
export const shapes: Readonly<Record<string, Shape>> = {
  findUnique: (p) => p.account.findUnique(first),
  findUniqueOrThrow: (p) => p.account.findUniqueOrThrow(first),
  'findUnique, two of them merged': (p) =>
    Promise.all([p.account.findUnique(first), p.account.findUnique({ where: { id: 2 } })]),
  findFirst: (p) => p.account.findFirst({ orderBy: { id: 'desc' } }),
  findFirstOrThrow: (p) => p.account.findFirstOrThrow({ orderBy: { id: 'asc' } }),
  findMany: (p) => p.account.findMany({ orderBy: { id: 'asc' } }),
  'findMany with relations': (p) =>
    p.account.findMany({ orderBy: { id: 'asc' }, include: { profile: true, entries: true } }),
  count: (p) => p.account.count(),
  aggregate: (p) => p.account.aggregate({ _sum: { balance: true } }),
  groupBy: (p) => p.account.groupBy({ by: ['owner'], _count: true }),
  create: (p, token) => p.entry.create({ data: { token, amount: 1 }, select: { token: true } }),
  'create with a nested create': (p, token) =>
    p.entry.create({
      data: {
        token,
        amount: 1,
        tags: { create: [{ name: `${token}-a` }, { name: `${token}-b` }] },
      },
      select: { token: true, tags: { select: { name: true } } },
    }),
  'create with connect': (p, token) =>
    p.entry.create({
      data: { token, amount: 1, account: { connect: { id: 1 } } },
      select: { accountId: true },
    }),
  'create with connectOrCreate': (p, token) =>
    p.entry.create({
      data: {
        token,
        amount: 1,
        tags: { connectOrCreate: { where: { name: token }, create: { name: token } } },
      },
      select: { tags: { select: { name: true } } },
    }),
  createMany: (p, token) =>
    p.entry.createMany({ data: [1, 2, 3].map((amount) => ({ token, amount })) }),
  createManyAndReturn: (p, token) =>
    p.entry.createManyAndReturn({
      data: [1, 2].map((amount) => ({ token, amount })),
      select: { amount: true },
    }),
  update: (p) => p.account.update({ ...first, data: { balance: { increment: 1 } } }),
  'update with a nested create': (p, token) =>
    p.account.update({
      ...first,
      data: { balance: { increment: 1 }, entries: { create: { token, amount: 1 } } },
    }),
  'update with a nested update': (p) =>
    p.account.update({
      where: { id: 2 },
      data: { balance: { increment: 1 }, profile: { update: { text: 'new' } } },
    }),
  'update with a nested upsert': (p, token) =>
    p.account.update({
      ...first,
      data: { profile: { upsert: { create: { text: token }, update: { text: 'again' } } } },
    }),
  'update with a nested delete': (p) =>
    p.account.update({ where: { id: 2 }, data: { profile: { delete: true }, owner: 'nobody' } }),
  'update with set': (p, token) =>
    p.entry.update({
      where: { id: 1 },
      data: { token, tags: { set: [], create: { name: token } } },
      select: { token: true },
    }),
  updateMany: (p) => p.account.updateMany({ data: { balance: { increment: 1 } } }),
  updateManyAndReturn: (p) =>
    p.account.updateManyAndReturn({
      where: { id: { lt: 3 } },
      data: { balance: { increment: 1 } },
    }),
  'upsert that creates': (p, token) =>
    p.tag.upsert({
      where: { name: token },
      create: { name: token },
      update: { name: token },
      select: { name: true },
    }),
  'upsert that updates': (p) =>
    p.account.upsert({
      ...first,
      create: { id: 1, balance: 0 },
      update: { balance: { increment: 1 } },
    }),
  'upsert with a nested create': (p, token) =>
    p.account.upsert({
      where: { id: 99 },
      create: { id: 99, balance: 1, entries: { create: { token, amount: 1 } } },
      update: {},
    }),
  delete: (p) => p.account.delete({ where: { id: 10 } }),
  deleteMany: (p) => p.account.deleteMany({ where: { id: { gt: 8 } } }),
  $queryRaw: (p, token) =>
    p.$queryRaw`insert into entry (token, amount) values (${token}, 1) returning token`,
  $executeRaw: (p) => p.$executeRaw`update account set balance = balance + 1 where id = ${1}`,
  '$executeRawUnsafe without values': (p) =>
    p.$executeRawUnsafe('update account set balance = balance + 1 where id = 2'),
}
