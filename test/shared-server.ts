import type { TestProject } from 'vitest/node'
import { Server } from './kit/server.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    /** The one server that tests share. Who restarts or crashes a server starts one of their own. */
    serverUrl: string
  }
}

/** Global setup of every project that needs a server: the first starts it, for all of them. */
export default async function setup(
  project: TestProject,
): Promise<(() => Promise<void>) | undefined> {
  const { vitest } = project
  if (vitest.getRootProject().getProvidedContext().serverUrl !== undefined) return undefined
  const server = await Server.start()
  vitest.provide('serverUrl', server.url)
  return () => server.dispose()
}
