import { decisions } from '@reprise/core'

/** The page of the decision table, as it is in the code. */
export function decisionsPage(): string {
  return `# The decision table

What the end of a connection proves of the work that was in flight: the first row that matches. It is generated from \`decisions\` of \`@reprise/core\`, and a test fails where this page says something else.

| what was seen | outcome | where PostgreSQL makes it so |
|---|---|---|
${decisions.map(({ row, outcome, source }) => `| ${row} | \`${outcome}\` | ${source.replaceAll('|', '\\|')} |`).join('\n')}
| anything else | \`in-doubt\` | no proof |

Evidence is frames, codes, the server's own routine and the end of the socket; never the text of a message. Each row has tests against a scripted server and, where a real server can be brought to it, against that.

What is in doubt may still be mended: the server is asked by the transaction's id, or a transaction is executed again READ ONLY to show that it had nothing to commit. What then is done is one function, \`decide\`, in \`packages/core/src/loss/policy.ts\`.
`
}
