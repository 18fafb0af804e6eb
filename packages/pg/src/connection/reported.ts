/** A parameter that the server reports by itself (protocol-flow, "Asynchronous Operations"). */
export interface ParameterStatus {
  readonly parameterName: string
  readonly parameterValue: string
}

/** What the session goes by of all that is reported. */
export interface Reported {
  conformingStrings: boolean
  standby: boolean | undefined
}

/** What a report changes: nothing, for most. `in_hot_standby` is reported since PostgreSQL 14. */
export function reported({ parameterName, parameterValue }: ParameterStatus): Partial<Reported> {
  const on = parameterValue === 'on'
  if (parameterName === 'standard_conforming_strings') return { conformingStrings: on }
  return parameterName === 'in_hot_standby' ? { standby: on } : {}
}
