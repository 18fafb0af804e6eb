import { Column, Entity, PrimaryColumn, PrimaryGeneratedColumn } from 'typeorm'

@Entity()
export class Account {
  @PrimaryColumn('int')
  id!: number

  @Column('int')
  balance!: number
}

@Entity()
export class Transfer {
  /** Drawn by the database: a transaction that is executed again keeps it. */
  @PrimaryGeneratedColumn()
  id!: number

  @Column('uuid')
  token!: string

  @Column('int')
  source!: number

  @Column('int')
  target!: number

  @Column('int')
  amount!: number

  /** The request that brought it. */
  @Column('text')
  requestId!: string
}
