/**
 * Functions of PostgreSQL and its extensions whose effect no rollback undoes: they reach other
 * backends, the server, its files, slots and sequences, or other servers. A statement that names one
 * may have had its effect as soon as it was sent, whatever became of its transaction.
 */
const outward: ReadonlySet<string> = new Set(
  `
autoprewarm_dump_now autoprewarm_start_worker brin_desummarize_range brin_summarize_new_values
brin_summarize_range gin_clean_pending_list heap_force_freeze heap_force_kill lo_export
pg_backup_start pg_backup_stop pg_buffercache_evict pg_buffercache_evict_all
pg_buffercache_evict_relation pg_cancel_backend pg_copy_logical_replication_slot
pg_copy_physical_replication_slot pg_create_logical_replication_slot
pg_create_physical_replication_slot pg_create_restore_point pg_drop_replication_slot
pg_file_rename pg_file_sync pg_file_unlink pg_file_write pg_log_backend_memory_contexts
pg_log_standby_snapshot pg_logical_emit_message pg_logical_slot_get_binary_changes
pg_logical_slot_get_changes pg_nextoid pg_promote pg_reload_conf pg_replication_origin_advance
pg_replication_origin_create pg_replication_origin_drop pg_replication_origin_session_reset
pg_replication_origin_session_setup pg_replication_origin_xact_reset
pg_replication_origin_xact_setup pg_replication_slot_advance pg_rotate_logfile
pg_rotate_logfile_old pg_start_backup pg_stat_force_next_flush pg_stat_reset
pg_stat_reset_backend_stats pg_stat_reset_replication_slot pg_stat_reset_shared
pg_stat_reset_single_function_counters pg_stat_reset_single_table_counters pg_stat_reset_slru
pg_stat_reset_subscription_stats pg_stat_statements_reset pg_stop_backup
pg_stop_making_pinned_objects pg_switch_wal pg_sync_replication_slots pg_terminate_backend
pg_truncate_visibility_map pg_wal_replay_pause pg_wal_replay_resume setval
`
    .trim()
    .split(/\s+/),
)

/**
 * Functions whose effect a rollback undoes, but that a READ ONLY transaction does not refuse: pg_notify,
 * and what writes a catalog by itself, always; large objects before PostgreSQL 16.
 */
const unrefused: ReadonlySet<string> = new Set(
  `
lo_creat lo_create lo_from_bytea lo_import lo_put lo_truncate lo_truncate64 lo_unlink lowrite
pg_clear_attribute_stats pg_clear_relation_stats pg_import_system_collations pg_notify
pg_restore_attribute_stats pg_restore_relation_stats
`
    .trim()
    .split(/\s+/),
)

/** The functions, beside those of dblink, whose effect no rollback undoes. */
export const outwardNames: readonly string[] = [...outward]

/** The functions, beside those of dblink, whose effect a READ ONLY transaction does not refuse. */
export const unrefusedNames: readonly string[] = [...outward, ...unrefused]

/** Whether a function has an effect that no rollback undoes. */
export function isOutward(name: string): boolean {
  return outward.has(name) || name.startsWith('dblink')
}

/** Whether a READ ONLY transaction keeps a function from having a lasting effect, as far as its name tells. */
export function isRefusable(name: string): boolean {
  return !isOutward(name) && !unrefused.has(name)
}
