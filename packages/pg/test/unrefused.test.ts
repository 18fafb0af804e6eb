import { analyze } from '@reprise/core'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  type Frame,
  hidingPlace,
  outcomeOf,
  Proxy,
  Server,
  until,
  versions,
} from '../../../test/kit/index.ts'
import { poolOn } from './support.ts'

/**
 * VOLATILE functions of PostgreSQL and its extensions that may be called again in a READ ONLY
 * transaction: they are refused there, only look, or leave something in their own session at most.
 * A function that is new belongs here only after somebody has looked.
 */
const looked = new Set(
  `
amvalidate binary_upgrade_* brin_metapage_info brin_page_items brin_page_type brin_revmap_data
bt_index_check bt_index_parent_check bt_metap bt_multi_page_stats bt_page_items bt_page_stats
currtid2 cursor_to_xml cursor_to_xmlschema file_fdw_validator fips_mode fsm_page_contents
gen_random_bytes gen_salt get_raw_page gin_index_check gin_leafpage_items gin_metapage_info
gin_page_opaque_info gist_page_items gist_page_items_bytea gist_page_opaque_info hash_bitmap_info
hash_metapage_info hash_page_items hash_page_stats hash_page_type heap_page_item_attrs
heap_page_items heap_tuple_infomask_flags isn_weak lo_close lo_get lo_lseek lo_lseek64 lo_open
lo_tell lo_tell64 loread nextval normal_rand page_checksum page_header pg_advisory_lock
pg_advisory_lock_shared pg_advisory_unlock pg_advisory_unlock_all pg_advisory_unlock_shared
pg_advisory_xact_lock pg_advisory_xact_lock_shared pg_available_wal_summaries
pg_buffercache_numa_pages pg_buffercache_pages pg_buffercache_summary pg_buffercache_usage_counts
pg_check_frozen pg_check_visible pg_collation_actual_version pg_current_logfile
pg_database_collation_actual_version pg_export_snapshot pg_extension_config_dump pg_freespace
pg_get_aios pg_get_backend_memory_contexts pg_get_loaded_modules pg_get_logical_snapshot_info
pg_get_logical_snapshot_meta pg_get_multixact_members pg_get_sequence_data pg_get_shmem_allocations
pg_get_shmem_allocations_numa pg_get_wait_events pg_get_wal_block_info pg_get_wal_record_info
pg_get_wal_records_info pg_get_wal_records_info_till_end_of_wal pg_get_wal_replay_pause_state
pg_get_wal_resource_managers pg_get_wal_stats pg_get_wal_stats_till_end_of_wal
pg_get_wal_summarizer_state pg_hba_file_rules pg_ident_file_mappings pg_is_in_backup
pg_is_wal_replay_paused pg_isolation_test_session_is_blocked pg_jit_available
pg_last_committed_xact pg_lock_status pg_logdir_ls pg_logical_slot_peek_binary_changes
pg_logical_slot_peek_changes pg_ls_archive_statusdir pg_ls_dir pg_ls_logdir pg_ls_logicalmapdir
pg_ls_logicalsnapdir pg_ls_replslotdir pg_ls_summariesdir pg_ls_tmpdir pg_ls_waldir
pg_notification_queue_usage pg_old_snapshot_time_mapping pg_prepared_xact pg_prewarm
pg_read_binary_file pg_read_file pg_read_file_old pg_relpages pg_replication_origin_progress
pg_replication_origin_session_is_setup pg_replication_origin_session_progress
pg_safe_snapshot_blocking_pids pg_show_all_file_settings pg_show_replication_origin_status
pg_stat_clear_snapshot pg_stat_file pg_stat_get_* pg_stat_have_stats pg_stat_statements
pg_stat_statements_info pg_try_advisory_lock pg_try_advisory_lock_shared pg_try_advisory_xact_lock
pg_try_advisory_xact_lock_shared pg_visibility pg_visibility_map pg_visibility_map_summary
pg_wal_summary_contents pg_xact_commit_timestamp_origin pgp_pub_encrypt pgp_pub_encrypt_bytea
pgp_sym_encrypt pgp_sym_encrypt_bytea pgrowlocks pgstatginindex pgstathashindex pgstatindex
pgstattuple pgstattuple_approx plpgsql_validator postgres_fdw_disconnect
postgres_fdw_disconnect_all postgres_fdw_get_connections postgres_fdw_validator query_to_xml
query_to_xml_and_xmlschema query_to_xmlschema set_config set_limit setseed ssl_cipher
ssl_client_cert_present ssl_client_dn ssl_client_dn_field ssl_client_serial ssl_extension_info
ssl_is_used ssl_issuer_dn ssl_issuer_field ssl_version ts_rewrite ts_stat tuple_data_split
uuid_generate_v1 uuid_generate_v1mc uuid_generate_v4 verify_heapam xslt_process
`
    .trim()
    .split(/\s+/),
)

const family = (name: string): string => name.replace(/^(binary_upgrade_|pg_stat_get_).*/, '$1*')

describe.each(versions)('PostgreSQL %s', (version) => {
  it('has no function that READ ONLY may let through and that would be called again by its name', async () => {
    await using server = await Server.start({ version })
    const available = await server.sql('SELECT name::text FROM pg_available_extensions')
    for (const { name } of available) {
      // Some need a language that is not installed.
      const create = `CREATE EXTENSION IF NOT EXISTS ${pg.escapeIdentifier(String(name))} CASCADE`
      await server.sql(create).catch(() => undefined)
    }
    const functions = await server.sql(`SELECT DISTINCT proname::text AS name FROM pg_proc
      WHERE provolatile = 'v' AND prorettype NOT IN (SELECT oid FROM pg_type WHERE typname ~ '^(internal|(event_)?trigger|.*_handler)$')
      AND NOT 'internal'::regtype = ANY (proargtypes)`)
    expect(functions.length).toBeGreaterThan(200)
    const again = functions
      .map(({ name }) => String(name))
      .filter((name) => {
        const { guardable, functions: unknown } = analyze(`SELECT ${name}()`)
        return guardable && unknown.length > 0
      })
    expect(again.filter((name) => !looked.has(family(name)))).toEqual([])
  })
})

/** Something that READ ONLY lets through, or that hides a refusal, and what is told of it. */
interface Leak {
  readonly name: string
  readonly text: string
  readonly told: string
  /** How often it took effect. */
  readonly times: number
}

const leaks: Leak[] = [
  { name: 'pg_notify by its name', text: "SELECT pg_notify('c', '')", told: 'in-doubt', times: 1 },
  { name: 'NOTIFY', text: 'NOTIFY c', told: 'in-doubt', times: 1 },
  {
    name: 'dblink by its name',
    text: `SELECT app.dblink_exec('@', 'NOTIFY c')`,
    told: 'in-doubt',
    times: 1,
  },
  {
    name: 'nextval by its name',
    text: "SELECT nextval('app.counter')",
    told: 'in-doubt',
    times: 1,
  },
  { name: 'nextval in a view', text: 'TABLE app.numbers', told: 'in-doubt', times: 1 },
  { name: 'setval in a function', text: 'SELECT app.bump()', told: 'in-doubt', times: 1 },
  {
    name: 'a restore point by its name',
    text: "SELECT pg_create_restore_point('c')",
    told: 'in-doubt',
    times: 1,
  },
  {
    name: 'a function that catches the refusal',
    text: 'SELECT app.quiet()',
    told: 'in-doubt',
    times: 1,
  },
  { name: 'pg_notify in a view', text: 'TABLE app.loud', told: 'in-doubt', times: 1 },
  { name: 'dblink in a function', text: 'SELECT app.far()', told: 'in-doubt', times: 1 },
  { name: 'a foreign table that notifies', text: 'TABLE app.abroad', told: 'in-doubt', times: 1 },
]

describe('a read whose answer was lost', () => {
  let server: Server
  let proxy: Proxy
  let url: string
  let admin: pg.Client
  /** Notifications, and restore points in the log. */
  let heard = 0
  let farAway = ''

  beforeAll(async () => {
    server = await Server.start({
      log: (line) => {
        if (line.includes('restore point')) heard++
      },
    })
    url = await server.createDatabase()
    proxy = await Proxy.start(server)
    admin = new pg.Client({ connectionString: url })
    await admin.connect()
    const far = `host=127.0.0.1 port=${server.port} user=postgres dbname=${new URL(url).pathname.slice(1)}`
    await admin.query(`${hidingPlace} CREATE EXTENSION dblink SCHEMA app; CREATE SEQUENCE app.counter;
      CREATE FUNCTION app.bump() RETURNS bigint LANGUAGE sql AS
        $$SELECT setval('app.counter', last_value + 1) FROM app.counter$$;
      CREATE VIEW app.numbers AS SELECT nextval('app.counter');
      CREATE VIEW app.loud AS SELECT pg_notify('c', '')::text;
      CREATE FUNCTION app.far() RETURNS text LANGUAGE sql AS $$SELECT app.dblink_exec('${far}', 'NOTIFY c')$$;
      CREATE FUNCTION app.quiet() RETURNS int LANGUAGE plpgsql AS $$BEGIN
        INSERT INTO app.ledger VALUES (1); RETURN 1;
        EXCEPTION WHEN read_only_sql_transaction THEN RETURN 1; END$$; LISTEN c;
      CREATE EXTENSION postgres_fdw SCHEMA app;
      CREATE SERVER abroad FOREIGN DATA WRAPPER postgres_fdw OPTIONS
        (host '127.0.0.1', port '${server.port}', dbname '${new URL(url).pathname.slice(1)}');
      CREATE USER MAPPING FOR postgres SERVER abroad OPTIONS (user 'postgres');
      CREATE FOREIGN TABLE app.abroad (loud text) SERVER abroad OPTIONS (schema_name 'app', table_name 'loud')`)
    admin.on('notification', () => heard++)
    farAway = far
  })
  afterAll(async () => {
    await admin?.end()
    await proxy?.close()
    await server?.dispose()
  })

  it.each(leaks)('($name) is told to be $told, and took effect $times times', async (leak) => {
    await admin.query("TRUNCATE app.ledger; SELECT setval('app.counter', 1000)")
    heard = 0
    const text = leak.text.replace('@', farAway)
    let asked: number | undefined
    let lost = false
    const stop = proxy.onFrame((frame: Frame) => {
      if (frame.text === text) asked ??= frame.connection
      if (lost || frame.connection !== asked || frame.type !== 'C' || frame.from !== 'server') {
        return 'pass'
      }
      lost = true
      return 'swallow'
    })
    const pool = poolOn(proxy.url(url))
    const client = await pool.connect()
    const told = await client.query(text).then(
      () => 'committed',
      (error: unknown) => outcomeOf(error),
    )
    stop()
    client.release(true)
    await pool.end()
    expect(lost).toBe(true)
    const times = async (): Promise<number> => {
      const { rows } = await admin.query(
        'SELECT (SELECT count(*) FROM app.ledger)::int + (SELECT last_value - 1000 FROM app.counter)::int AS n',
      )
      return rows[0].n + heard
    }
    await until(async () => (await times()) >= leak.times, { timeoutMs: 5000 })
    expect({ told, times: await times() }).toEqual({ told: leak.told, times: leak.times })
  })
})
