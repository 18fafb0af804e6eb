/** What was asked for cannot be done: its message is the one sentence that says what to do. */
export class Misuse extends Error {
  override readonly name = 'Misuse'
}
