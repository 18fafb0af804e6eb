/** A parameter that the server reports by itself (protocol-flow, "Asynchronous Operations"). */
export interface ParameterStatus {
  readonly parameterName: string
  readonly parameterValue: string
}

/** What the session goes by of all that is reported. */
export interface Reported {
  /** standard_conforming_strings: it decides how a backslash is read. */
  conformingStrings: boolean
  /** in_hot_standby (since PostgreSQL 14); undefined where nobody reports it and nobody has asked. */
  standby: boolean | undefined
  /** default_transaction_read_only (since PostgreSQL 14); undefined where nobody reports it. */
  readOnly: boolean | undefined
  /** Whether it has a transaction_timeout (since PostgreSQL 17). */
  timesTransactions: boolean
}

/** Before anything is reported. */
export function unreported(): Reported {
  return {
    conformingStrings: true,
    standby: undefined,
    readOnly: undefined,
    timesTransactions: false,
  }
}

const names: Readonly<Record<string, keyof Reported>> = {
  standard_conforming_strings: 'conformingStrings',
  in_hot_standby: 'standby',
  default_transaction_read_only: 'readOnly',
}

/** Takes note of a report; of most, nobody does. */
export function report(into: Reported, { parameterName, parameterValue }: ParameterStatus): void {
  if (parameterName === 'server_version') {
    into.timesTransactions = Number.parseInt(parameterValue, 10) >= 17
  }
  const name = names[parameterName]
  if (name !== undefined) into[name] = parameterValue === 'on'
}
