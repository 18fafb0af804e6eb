import { readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { brotliCompressSync, constants } from 'node:zlib'

/**
 * Makes index.cjs, the parser of the libpg-query that is installed: `node generate.ts`.
 *
 * libpg-query reads a file of 1.7 MB beside its own, when it is loaded. No bundler carries that file
 * along, and where it is missing there is a rejection that nobody handles. Here it is part of the
 * module. Measured with libpg-query 18.1.5 and Node 24, as base64:
 *
 *     as it is     2290 kB    0.3 ms to decode
 *     gzip -9       456 kB   17 ms
 *     brotli -q 11  335 kB    6 to 18 ms
 *
 * It is decoded once in a process, when a transaction is replayed for the first time, so size wins:
 * from import to the first text that was read and written, 125 ms instead of 73 ms with the file
 * beside it, on two busy cores.
 * The parsers that are plain JavaScript do not know the whole grammar, nor PostgreSQL's own tree.
 */

/**
 * The loader as it is shipped. The folders that it makes in a file system of its own are renamed: they look
 * like paths of somebody's machine.
 */
function loaderOf(text: string): string {
  return text.trim().replaceAll('/home', '/nobody').replaceAll('/tmp', '/nowhere')
}

const { resolve } = createRequire(import.meta.url)
const wasm = dirname(resolve('libpg-query'))
const { version } = JSON.parse(readFileSync(join(wasm, '../package.json'), 'utf8'))
const packed = brotliCompressSync(readFileSync(join(wasm, 'libpg-query.wasm')), {
  params: { [constants.BROTLI_PARAM_QUALITY]: 11 },
})

writeFileSync(
  join(import.meta.dirname, 'index.cjs'),
  `'use strict'
/* Made by generate.ts of libpg-query ${version}, which is under the licences in NOTICE. */

const { brotliDecompressSync } = require('node:zlib')

/** Emscripten's loader. It is to find no file system, no script and no other module. */
const loader = (globalThis, require, process, __filename, __dirname, module, exports, define) => {
${loaderOf(readFileSync(join(wasm, 'libpg-query.js'), 'utf8'))}
return PgQueryModule
}

const wasm =
  '${packed.toString('base64')}'

const silent = () => {}

exports.load = async () => {
  const compiled = await WebAssembly.compile(brotliDecompressSync(Buffer.from(wasm, 'base64')))
  return loader({ TextDecoder })({
    instantiateWasm(imports, done) {
      done(new WebAssembly.Instance(compiled, imports))
    },
    print: silent,
    printErr: silent,
  })
}
`,
)
