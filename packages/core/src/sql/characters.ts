// Plain numbers rather than strings: the lexer asks for the class of every character.

/** A letter, an underscore, or anything beyond ASCII. */
export const NAME = 1
/** 0 to 9. */
export const DIGIT = 2
/** White space (scan.l: space; `\v` counts since PostgreSQL 16). */
export const SPACE = 3
/** What operators are made of (scan.l: op_chars). */
export const OPERATOR = 4
/** What stands for itself (scan.l: self). */
export const MARK = 5

const classes = new Uint8Array(128)
/** The word a mark or operator is told by. */
export const markOf: string[] = []
for (const [characters, value] of [
  ['ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_', NAME],
  ['0123456789', DIGIT],
  [' \t\n\r\f\v', SPACE],
  ['~!@#^&|`?+-*/%<>=', OPERATOR],
  ['(),;[].:', MARK],
] as const) {
  for (const character of characters) {
    classes[character.charCodeAt(0)] = value
    markOf[character.charCodeAt(0)] =
      value === MARK || '=*'.includes(character) ? character : 'operator'
  }
}

/** `\n` */
export const NEWLINE = 10
/** `\r` */
export const RETURN = 13
/** `"` */
export const DOUBLE_QUOTE = 34
/** `$` */
export const DOLLAR = 36
/** `&` */
export const AMPERSAND = 38
/** `'` */
export const QUOTE = 39
/** `(` */
export const OPEN = 40
/** `)` */
export const CLOSE = 41
/** `*` */
export const STAR = 42
/** `+` */
export const PLUS = 43
/** `,` */
export const COMMA = 44
/** `-` */
export const DASH = 45
/** `.` */
export const DOT = 46
/** `/` */
export const SLASH = 47
/** `:` */
export const COLON = 58
/** `;` */
export const SEMICOLON = 59
/** `[` */
export const BRACKET = 91
/** `\` */
export const BACKSLASH = 92

/** The class of a character code; 0 if it has none. Everything beyond ASCII is of a name (scan.l). */
export function classOf(code: number): number {
  return code >= 128 ? NAME : (classes[code] ?? 0)
}

/** Whether a character can stand inside a name. */
export function continuesName(code: number): boolean {
  const kind = classOf(code)
  return kind === NAME || kind === DIGIT || code === DOLLAR
}

/** Whether a letter in front of a quote belongs to the string: B'', E'', N'' and X''. */
export function isStringPrefix(code: number): boolean {
  const letter = code | 32
  return letter === 101 || letter === 110 || letter === 98 || letter === 120
}

/** Whether a character opens a string or a quoted name. */
export function isQuote(code: number): boolean {
  return code === QUOTE || code === DOUBLE_QUOTE
}

/** Past the white space from `at` on. */
export function pastSpace(text: string, at: number): number {
  let i = at
  // The classes are asked for what is rare.
  for (let code = text.charCodeAt(i); code <= 32 && classOf(code) === SPACE; ) {
    code = text.charCodeAt(++i)
  }
  return i
}
