import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'

// Its standard input is a pipe that nobody writes to: it ends when we close it or when our process
// ends, in whatever way, SIGKILL included. The postmaster is taken from its own lock file and must
// have the directory on its command line, so that a pid that was handed out again is left alone.
const stopServer = `
base=$1
read -r never
pid=$(head -n 1 "$base/data/postmaster.pid" 2>/dev/null)
ours() {
  if [ -r "/proc/$pid/cmdline" ]; then grep -qF -- "$base/" "/proc/$pid/cmdline"
  else ps -o args= -p "$pid" 2>/dev/null | grep -qF -- "$base/"; fi
}
if [ -n "$pid" ] && ours; then
  kill -QUIT "$pid"
  i=0
  while [ $i -lt 100 ] && [ -e "$base/data/postmaster.pid" ] && ours; do sleep 0.1; i=$((i+1)); done
fi
`

// Also what is frozen: it could neither go nor be heard. Whatever works in the directory is ours.
const stopEverything = `
base=$1
read -r never
i=0
left=yes
while [ -n "$left" ] && [ $i -lt 100 ]; do
  left=
  for link in /proc/[0-9]*/cwd; do
    case "$(readlink "$link" 2>/dev/null)/" in
      "$base"/*) pid=\${link#/proc/}; kill -KILL "\${pid%/cwd}" 2>/dev/null && left=yes;;
    esac
  done
  if [ -n "$left" ]; then sleep 0.1; fi
  i=$((i+1))
done
`

const remove = `
i=0
while [ -e "$base" ] && [ $i -lt 50 ]; do rm -rf -- "$base" 2>/dev/null || sleep 0.1; i=$((i+1)); done
`

/**
 * A tiny process beside a server that outlives us: when we are gone, or when it is told to, it stops
 * what is left in the directory and removes the directory.
 */
export class Watchdog {
  readonly #child: ChildProcess

  /**
   * @param what `server` is the one whose data directory is in it, and which is let to stop in peace; `everything`,
   *   each process whose working directory is in it (Linux only)
   */
  constructor(base: string, what: 'server' | 'everything' = 'server') {
    const script = (what === 'server' ? stopServer : stopEverything) + remove
    // Detached: an interrupt typed at the terminal must not reach it.
    this.#child = spawn('sh', ['-c', script, 'reprise-watchdog', base], {
      detached: true,
      cwd: '/',
      stdio: ['pipe', 'ignore', 'ignore'],
    })
    this.#child.once('error', () => {})
    this.#child.unref()
    const pipe = this.#child.stdin as unknown as {
      unref(): void
      on(e: 'error', f: () => void): void
    }
    pipe.on('error', () => {})
    pipe.unref()
  }

  /** Has it clean up now, and waits until it has. */
  async cleanUp(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    this.#child.ref()
    const gone = once(this.#child, 'exit')
    this.#child.stdin?.end()
    await gone
  }
}
