import { join } from 'node:path'
import { expect, test } from 'vitest'
import { decisionsPage } from '../docs/decisions-page.ts'
import { root } from '../docs/snippets.ts'

// Changed the table? node_modules/.bin/vitest run --project docs -t 'decision table' -u
test('the page of the decision table says what the code says', async () => {
  await expect(decisionsPage()).toMatchFileSnapshot(join(root, 'docs/decisions.md'))
})
