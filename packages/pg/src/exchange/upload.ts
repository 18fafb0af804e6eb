/** What is sent of a query. */
interface Sent {
  readonly text?: string | undefined
  readonly values?: readonly unknown[] | undefined
}

/** About how many bytes a query takes on the wire. */
export function uploadOf({ text, values }: Sent): number {
  let size = text?.length ?? 0
  for (const value of values ?? []) {
    if (typeof value === 'string') size += value.length
    else if (ArrayBuffer.isView(value)) size += value.byteLength
  }
  return size
}
