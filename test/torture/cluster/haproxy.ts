import type { Member } from './member.ts'

/** What HAProxy is told, as Patroni's own documentation has it: the primary is whose REST interface says so. */
export function balancerTo(members: readonly Member[], port: number): string {
  const servers = members.map(
    ({ name, front, rest }) =>
      `  server ${name} 127.0.0.1:${front.port} maxconn 100 check port ${rest}`,
  )
  return `global
  maxconn 500
defaults
  mode tcp
  timeout connect 4s
  timeout client 30m
  timeout server 30m
  timeout check 2s
listen primary
  bind 127.0.0.1:${port}
  option httpchk OPTIONS /primary
  http-check expect status 200
  default-server inter 1s fall 2 rise 1 on-marked-down shutdown-sessions
${servers.join('\n')}
`
}
