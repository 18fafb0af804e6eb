import { defineEntity, p } from '@mikro-orm/postgresql'

const Address = defineEntity({
  name: 'Address',
  embeddable: true,
  properties: { street: p.string(), city: p.string() },
})

/** Ids are made by the client, so that no answer of the server depends on when it was asked. */
export const Author = defineEntity({
  name: 'Author',
  properties: {
    id: p.uuid().primary(),
    name: p.string(),
    version: p.integer().version(),
    address: () => p.embedded(Address),
    books: () => p.oneToMany(Book).mappedBy('author').orphanRemoval(),
  },
})

export const Book = defineEntity({
  name: 'Book',
  properties: {
    id: p.uuid().primary(),
    title: p.string(),
    author: () => p.manyToOne(Author),
    tags: () => p.manyToMany(Tag).owner(),
  },
})

export const Tag = defineEntity({
  name: 'Tag',
  properties: { id: p.uuid().primary(), name: p.string() },
})

/** One table for all animals. */
export const Animal = defineEntity({
  name: 'Animal',
  discriminatorColumn: 'kind',
  discriminatorValue: 'animal',
  properties: { id: p.uuid().primary(), name: p.string(), kind: p.string() },
})

export const Dog = defineEntity({
  name: 'Dog',
  extends: Animal,
  discriminatorValue: 'dog',
  properties: { trick: p.string() },
})

/** A table for each kind of vehicle. */
export const Vehicle = defineEntity({
  name: 'Vehicle',
  inheritance: 'tpt',
  properties: { id: p.uuid().primary(), wheels: p.integer() },
})

export const Car = defineEntity({
  name: 'Car',
  extends: Vehicle,
  properties: { doors: p.integer() },
})

export const entities = [Address, Author, Book, Tag, Animal, Dog, Vehicle, Car]
