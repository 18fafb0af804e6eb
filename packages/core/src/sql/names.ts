/** Lower case of ASCII letters only. */
export function lower(name: string): string {
  return name.replace(/[A-Z]+/g, (letters) => letters.toLowerCase())
}

/** Upper case of ASCII letters only, so that no name becomes a keyword by it. */
export function upper(name: string): string {
  return name.replace(/[a-z]+/g, (letters) => letters.toUpperCase())
}
