/**
 * Functions of PostgreSQL (pg_catalog, versions 14 to 18) that can be called again without harm: none
 * writes, takes a lock, notifies, or leaves something in the session. What is volatile in it only
 * reads, waits or draws a random value. Sorted; a name that is missing here is merely asked after.
 *
 * Left out on purpose: nextval, setval, setseed, set_config, pg_notify, lo_*, pg_advisory_*, dblink*,
 * whatever runs SQL that it is given (query_to_xml, ts_stat, ts_rewrite), and administration.
 */
export const harmless: ReadonlySet<string> = new Set(
  `
abs acos age any_value array_agg array_append array_cat array_dims array_fill array_length
array_lower array_ndims array_position array_positions array_prepend array_remove array_replace
array_reverse array_sample array_shuffle array_sort array_to_json array_to_string array_upper ascii
asin atan atan2 avg bit_and bit_count bit_length bit_or bit_xor bool bool_and bool_or btrim
cardinality cbrt ceil ceiling char_length character_length chr clock_timestamp col_description
concat concat_ws convert convert_from convert_to corr cos cot count covar_pop covar_samp crc32
crc32c cume_dist current_database current_query current_schema current_schemas current_setting
currval date date_add date_bin date_part date_subtract date_trunc daterange decode degrees
dense_rank div encode enum_first enum_last enum_range erf erfc every exp factorial family
first_value float4 float8 floor format format_type gamma gcd gen_random_uuid generate_series
generate_subscripts get_bit get_byte get_current_ts_config has_any_column_privilege
has_column_privilege has_database_privilege has_foreign_data_wrapper_privilege
has_function_privilege has_language_privilege has_parameter_privilege has_schema_privilege
has_sequence_privilege has_server_privilege has_table_privilege has_tablespace_privilege
has_type_privilege host hostmask inet_client_addr inet_client_port inet_merge inet_same_family
inet_server_addr inet_server_port initcap int2 int4 int4multirange int4range int8 int8multirange
int8range isempty isfinite json_agg json_agg_strict json_array_elements json_array_elements_text
json_array_length json_build_array json_build_object json_each json_each_text json_extract_path
json_extract_path_text json_object_agg json_object_agg_strict json_object_agg_unique
json_object_keys json_populate_record json_populate_recordset json_strip_nulls json_to_record
json_to_recordset json_to_tsvector json_typeof jsonb_agg jsonb_agg_strict jsonb_array_elements
jsonb_array_elements_text jsonb_array_length jsonb_build_array jsonb_build_object jsonb_each
jsonb_each_text jsonb_extract_path jsonb_extract_path_text jsonb_insert jsonb_object
jsonb_object_agg jsonb_object_agg_strict jsonb_object_keys jsonb_path_exists jsonb_path_exists_tz
jsonb_path_match jsonb_path_query jsonb_path_query_array jsonb_path_query_first
jsonb_populate_record jsonb_populate_recordset jsonb_pretty jsonb_set jsonb_set_lax
jsonb_strip_nulls jsonb_to_record jsonb_to_recordset jsonb_to_tsvector jsonb_typeof justify_days
justify_hours justify_interval lag last_value lastval lcm lead left length lgamma ln log log10 lower
lower_inc lower_inf lpad ltrim make_date make_interval make_time make_timestamp make_timestamptz
masklen max md5 min min_scale mod mode multirange netmask network now nth_value ntile num_nonnulls
num_nulls nummultirange numnode numrange obj_description octet_length parse_ident percent_rank
percentile_cont percentile_disc pg_backend_pid pg_blocking_pids pg_char_to_encoding
pg_client_encoding pg_collation_for pg_collation_is_visible pg_column_size pg_conf_load_time
pg_control_checkpoint pg_control_init pg_control_recovery pg_control_system pg_current_snapshot
pg_current_wal_flush_lsn pg_current_wal_insert_lsn pg_current_wal_lsn pg_current_xact_id
pg_current_xact_id_if_assigned pg_database_size pg_describe_object pg_encoding_to_char
pg_function_is_visible pg_get_constraintdef pg_get_expr pg_get_function_arguments
pg_get_function_identity_arguments pg_get_function_result pg_get_functiondef pg_get_indexdef
pg_get_keywords pg_get_partition_constraintdef pg_get_partkeydef pg_get_ruledef
pg_get_serial_sequence pg_get_statisticsobjdef pg_get_triggerdef pg_get_userbyid pg_get_viewdef
pg_has_role pg_index_column_has_property pg_indexes_size pg_input_is_valid pg_is_in_recovery
pg_is_other_temp_schema pg_last_wal_receive_lsn pg_last_wal_replay_lsn pg_last_xact_replay_timestamp
pg_my_temp_schema pg_opclass_is_visible pg_operator_is_visible pg_partition_ancestors
pg_partition_root pg_partition_tree pg_postmaster_start_time pg_relation_filenode
pg_relation_is_updatable pg_relation_size pg_sequence_last_value pg_size_bytes pg_size_pretty
pg_sleep pg_sleep_for pg_sleep_until pg_snapshot_xip pg_snapshot_xmax pg_snapshot_xmin
pg_statistics_obj_is_visible pg_table_is_visible pg_table_size pg_tablespace_location
pg_tablespace_size pg_timezone_names pg_total_relation_size pg_trigger_depth pg_type_is_visible
pg_typeof pg_visible_in_snapshot pg_wal_lsn_diff pg_walfile_name pg_xact_commit_timestamp
pg_xact_status phraseto_tsquery pi plainto_tsquery pow power quote_ident quote_literal
quote_nullable radians random random_normal range_agg range_intersect_agg range_merge rank
regexp_count regexp_instr regexp_like regexp_match regexp_matches regexp_replace
regexp_split_to_array regexp_split_to_table regexp_substr regr_avgx regr_avgy regr_count
regr_intercept regr_r2 regr_slope regr_sxx regr_sxy regr_syy repeat replace reverse right round
row_number row_security_active row_to_json rpad rtrim scale set_bit set_byte setweight sha224 sha256
sha384 sha512 shobj_description sign sin split_part sqrt starts_with statement_timestamp stddev
stddev_pop stddev_samp string_agg string_to_array string_to_table strip strpos substr sum tan text
timeofday timestamptz timezone to_char to_date to_hex to_json to_jsonb to_number to_regclass
to_regcollation to_regnamespace to_regoper to_regproc to_regprocedure to_regrole to_regtype
to_timestamp to_tsquery to_tsvector transaction_timestamp translate trim_array trim_scale trunc
ts_delete ts_filter ts_headline ts_rank ts_rank_cd tsmultirange tsrange tstzmultirange tstzrange
tsvector_to_array txid_current txid_current_if_assigned txid_current_snapshot txid_status unistr
unnest upper upper_inc upper_inf uuid_extract_timestamp uuid_extract_version uuidv4 uuidv7 var_pop
var_samp variance version websearch_to_tsquery width_bucket xml_is_well_formed xmlagg xmlcomment
xpath xpath_exists
`
    .trim()
    .split(/\s+/),
)

/** Those of them that return a set, whose rows come in an order of their own. */
export const setReturning: ReadonlySet<string> = new Set(
  `
generate_series generate_subscripts json_array_elements json_array_elements_text json_each
json_each_text json_object_keys json_populate_recordset json_to_recordset jsonb_array_elements
jsonb_array_elements_text jsonb_each jsonb_each_text jsonb_object_keys jsonb_path_query
jsonb_path_query_tz jsonb_populate_recordset jsonb_to_recordset pg_get_keywords
pg_partition_ancestors pg_partition_tree pg_snapshot_xip pg_timezone_names regexp_matches
regexp_split_to_table string_to_table unnest
`
    .trim()
    .split(/\s+/),
)

/**
 * Functions of PostgreSQL that keep nothing: what they leave goes with the session (settings, its locks),
 * or is another's end.
 */
export const keepNothing: ReadonlySet<string> = new Set(
  `
pg_advisory_lock pg_advisory_lock_shared pg_advisory_unlock pg_advisory_unlock_all
pg_advisory_unlock_shared pg_cancel_backend pg_terminate_backend pg_try_advisory_lock
pg_try_advisory_lock_shared set_config setseed
`
    .trim()
    .split(/\s+/),
)
