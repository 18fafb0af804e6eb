import type { Sought } from './read-reach.ts'

/** What writes, however seldom, and whether or not it lets a refusal be seen. */
export const writing: Sought = {
  source:
    '(\\m(insert|update|delete|merge|truncate|copy|create|alter|drop|grant|revoke|comment|security|reindex|cluster|refresh|reassign|import|notify|call|do|execute|setval|lowrite|ts_stat|ts_rewrite)\\M|pg_notify|\\mlo_|dblink|_to_xml|spi_)',
  cut: '(?!)',
  builtin:
    '^(pg_notify|lo_.*|lowrite|setval|query_to_xml.*|cursor_to_xml.*|ts_stat|ts_rewrite|pg_logical_emit_message)$',
  judge: () => ({ leaves: true, unnamed: false, settings: [] }),
}
