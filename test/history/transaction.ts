/** The values of a list, or what a transaction did with one. */
export type Step =
  | { readonly is: 'append'; readonly key: number; readonly value: number }
  | { readonly is: 'read'; readonly key: number; readonly values: readonly number[] }

/**
 * What a client knows of one of its transactions. Every value is appended by one transaction only.
 * What is `unknown` (in doubt) happened if somebody saw it, and may never have happened otherwise.
 */
export interface Transaction {
  readonly id: number
  readonly end: 'committed' | 'aborted' | 'unknown'
  /** In the order in which the client asked for them. */
  readonly steps: readonly Step[]
}

/** Something that ought not to be. */
export interface Anomaly {
  /**
   * `lost`, `doubled`, `invented`, `disordered` and `internal` of elements; the others by Adya's names
   * for phenomena (Generalized Isolation Level Definitions, 2000).
   */
  readonly kind:
    | 'lost'
    | 'doubled'
    | 'invented'
    | 'disordered'
    | 'internal'
    | 'G0'
    | 'G1a'
    | 'G1b'
    | 'G1c'
    | 'G-single'
    | 'G2'
  readonly text: string
}
