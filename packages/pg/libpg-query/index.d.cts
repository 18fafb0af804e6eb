/** What is used of Emscripten's module: memory, and two functions of libpg-query's C. */
export interface Memory {
  _malloc(bytes: number): number
  _free(pointer: number): void
  _wasm_parse_query_raw(text: number): number
  _wasm_free_parse_result(result: number): void
  lengthBytesUTF8(text: string): number
  stringToUTF8(text: string, pointer: number, bytes: number): void
  UTF8ToString(pointer: number): string
  getValue(pointer: number, type: 'i32'): number
}

/** An instance of its own, decoded and compiled. */
export function load(): Promise<Memory>
