import { BaseEntity, EntitySchema } from 'typeorm'

export class Address {
  street!: string
  city!: string
}

/** Everything of it is made by the client but the version. */
export class Person {
  id!: string
  name!: string
  address!: Address
  version!: number
  posts?: Post[]
}

export class Post {
  id!: string
  title!: string
  version!: number
  author?: Person
}

export class Account extends BaseEntity {
  id!: number
  balance!: number
  version!: number
}

/** What only the database makes: it takes the keeping of values on replay to carry this over. */
export class Order {
  id!: number
  reference!: string
  note!: string
  createdAt!: Date
  updatedAt!: Date
  deletedAt!: Date | null
  version!: number
}

const AddressSchema: EntitySchema<Address> = new EntitySchema<Address>({
  name: 'address',
  target: Address,
  columns: { street: { type: 'text' }, city: { type: 'text' } },
})

export const PersonSchema: EntitySchema<Person> = new EntitySchema<Person>({
  name: 'Person',
  tableName: 'person',
  target: Person,
  columns: {
    id: { type: 'uuid', primary: true },
    name: { type: 'text' },
    version: { type: 'int', version: true },
  },
  embeddeds: { address: { schema: AddressSchema, prefix: 'address_' } },
  relations: {
    posts: { type: 'one-to-many', target: 'Post', inverseSide: 'author', cascade: true },
  },
})

export const PostSchema: EntitySchema<Post> = new EntitySchema<Post>({
  name: 'Post',
  tableName: 'post',
  target: Post,
  columns: {
    id: { type: 'uuid', primary: true },
    title: { type: 'text' },
    version: { type: 'int', version: true },
  },
  relations: {
    author: { type: 'many-to-one', target: 'Person', inverseSide: 'posts', onDelete: 'CASCADE' },
  },
})

export const AccountSchema: EntitySchema<Account> = new EntitySchema<Account>({
  name: 'Account',
  tableName: 'account',
  target: Account,
  columns: {
    id: { type: 'int', primary: true },
    balance: { type: 'int' },
    version: { type: 'int', version: true },
  },
})

export const OrderSchema: EntitySchema<Order> = new EntitySchema<Order>({
  name: 'Order',
  tableName: 'order',
  target: Order,
  columns: {
    id: { type: 'int', primary: true, generated: 'increment' },
    reference: { type: 'uuid', default: () => 'gen_random_uuid()' },
    note: { type: 'text' },
    createdAt: { type: 'timestamptz', createDate: true },
    updatedAt: { type: 'timestamptz', updateDate: true },
    deletedAt: { type: 'timestamptz', deleteDate: true },
    version: { type: 'int', version: true },
  },
})
