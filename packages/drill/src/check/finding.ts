/** What a check found of one thing. */
export interface Finding {
  readonly what: string
  /** `bad` where Reprise cannot keep a promise there; `note` is for somebody to decide. */
  readonly verdict: 'ok' | 'note' | 'bad'
  /** One sentence: what is so. */
  readonly says: string
  /** One sentence: what to do about it. */
  readonly fix?: string | undefined
}

const columns = 80
const marks = { ok: '✓', note: '!', bad: '✗' } as const

/** The findings as lines that fit any terminal. */
export function listed(findings: readonly Finding[]): string[] {
  const lines = findings.flatMap(({ what, verdict, says, fix }) => [
    ...wrapped(`${marks[verdict]} ${what}: ${says}`),
    ...(fix === undefined ? [] : wrapped(`  → ${fix}`)),
  ])
  const bad = findings.filter(({ verdict }) => verdict === 'bad').length
  const end =
    bad === 0
      ? 'Reprise can do all that it promises here, but for what is marked with !.'
      : `${bad} ${bad === 1 ? 'thing keeps' : 'things keep'} Reprise from what it promises.`
  return [...lines, '', ...wrapped(end)]
}

function wrapped(text: string): string[] {
  const [, indent = '', body = ''] = /^(\s*)(.*)$/.exec(text) ?? []
  const lines: string[] = []
  let line = indent
  for (const word of body.split(' ')) {
    if (line.trim() !== '' && line.length + 1 + word.length > columns) {
      lines.push(line)
      line = `${indent}  ${word}`
    } else line = line.trim() === '' ? `${line}${word}` : `${line} ${word}`
  }
  return [...lines, line]
}
