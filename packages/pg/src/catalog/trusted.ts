/*
 * Extensions whose functions in C need not be asked what they do, since none of them does it but those
 * that are known by name. All others may do anything.
 */

/** What neither leaves anything in a session nor writes. */
export const quiet: readonly string[] = `
amcheck autoinc bloom btree_gin btree_gist citext cube dict_int earthdistance file_fdw fuzzystrmatch
hstore insert_username intagg intarray isn ltree moddatetime pageinspect pg_buffercache pg_freespacemap
pg_prewarm pg_stat_statements pg_trgm pg_visibility pg_walinspect pgcrypto pgrowlocks pgstattuple postgis
postgis_raster rum seg sslinfo tsm_system_rows tsm_system_time unaccent uuid-ossp vector
`
  .trim()
  .split(/\s+/)

/**
 * What leaves nothing in a session, but may write: cron.schedule() and its like write tables of their own
 * without being refused in a READ ONLY transaction, others notify, or reach other servers.
 */
export const writers: readonly string[] = [
  'citus',
  'lo',
  'pg_cron',
  'postgis_topology',
  'tcn',
  'timescaledb',
]
