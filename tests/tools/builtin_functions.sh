#!/usr/bin/env bash
# Writes src/sql/builtin_functions.h: what PostgreSQL's own functions do, from the pg_proc of the
# server that psql reaches without arguments (PGHOST, PGPORT, ...; PostgreSQL 15 is what is
# committed). Usage: tests/tools/builtin_functions.sh >src/sql/builtin_functions.h
#
# Left out are functions that a query cannot call: with arguments or results of type internal,
# cstring, trigger and the like. Of overloads the worst counts.
set -eu

# Volatile ones that are harmless on a standby and answer the same there.
allowed='clock_timestamp current_query gen_random_uuid pg_get_wal_resource_managers
    pg_partition_ancestors pg_partition_tree pg_sleep pg_sleep_for pg_sleep_until random timeofday'
# Stable ones that assign a transaction id, which a standby refuses.
writes='pg_current_xact_id txid_current'
# What may differ from host to host: files, sizes on disk, backends, statistics, WAL, settings, and
# what relations hold that are named in a value.
host='current_setting database_to_xml database_to_xml_and_xmlschema inet_server_addr inet_server_port pg_available_extension_versions
    pg_available_extensions pg_backend_pid pg_blocking_pids pg_collation_actual_version pg_conf_load_time
    pg_config pg_control_checkpoint pg_control_init pg_control_recovery pg_control_system
    pg_current_logfile pg_current_snapshot pg_current_wal_flush_lsn pg_current_wal_insert_lsn
    pg_current_wal_lsn pg_current_xact_id_if_assigned pg_cursor pg_database_collation_actual_version
    pg_database_size pg_extension_update_paths pg_get_backend_memory_contexts pg_get_multixact_members
    pg_get_replication_slots pg_get_shmem_allocations pg_get_wal_replay_pause_state pg_hba_file_rules
    pg_ident_file_mappings pg_indexes_size pg_is_in_recovery pg_is_other_temp_schema
    pg_is_wal_replay_paused pg_jit_available pg_last_committed_xact pg_last_wal_receive_lsn
    pg_last_wal_replay_lsn pg_last_xact_replay_timestamp pg_listening_channels pg_lock_status
    pg_ls_archive_statusdir pg_ls_dir pg_ls_logdir pg_ls_logicalmapdir pg_ls_logicalsnapdir
    pg_ls_replslotdir pg_ls_tmpdir pg_ls_waldir pg_my_temp_schema pg_notification_queue_usage
    pg_postmaster_start_time pg_prepared_statement pg_prepared_xact pg_read_binary_file pg_read_file
    pg_relation_size pg_safe_snapshot_blocking_pids pg_sequence_last_value pg_settings_get_flags
    pg_show_all_file_settings pg_show_all_settings pg_show_replication_origin_status pg_stat_file
    pg_stat_have_stats pg_table_size pg_tablespace_location pg_tablespace_size pg_timezone_abbrevs
    pg_timezone_names pg_total_relation_size pg_xact_commit_timestamp pg_xact_commit_timestamp_origin
    pg_xact_status schema_to_xml schema_to_xml_and_xmlschema
    table_to_xml table_to_xml_and_xmlschema txid_current_if_assigned txid_current_snapshot txid_status'

sql_list() {
    printf "'%s'," $1 | sed 's/,$//'
}

# names EFFECT: sorted as C sorts bytes.
names() {
    psql -XAtq -v ON_ERROR_STOP=1 <<SQL
WITH callable AS (
    SELECT proname, bool_or(provolatile = 'v') AS volatile
    FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace AND prokind <> 'p' AND proname !~ '^binary_upgrade_'
        AND NOT EXISTS (SELECT FROM unnest(proargtypes || prorettype) AS type
            JOIN pg_type ON pg_type.oid = type
            WHERE typname IN ('internal', 'cstring', 'trigger', 'event_trigger', 'language_handler',
                'fdw_handler', 'index_am_handler', 'table_am_handler', 'tsm_handler'))
    GROUP BY proname
), judged AS (
    SELECT proname, CASE
        WHEN proname IN ($(sql_list "$writes")) THEN 'writes'
        WHEN proname IN ($(sql_list "$host")) OR proname ~ '^pg_stat_get_' THEN 'host'
        WHEN proname IN ($(sql_list "$allowed")) THEN 'allowed'
        WHEN volatile THEN 'writes' ELSE 'reads' END AS effect
    FROM callable
)
SELECT proname FROM judged WHERE effect = '$1' ORDER BY proname COLLATE "C";
SQL
}

table() {
    echo
    echo "/* $2 */"
    echo "static const struct slice builtin_$1[] = {"
    names "$1" | sed 's/.*/N("&"),/' | tr '\n' ' ' | fold -s -w 92 | sed 's/^/\t/; s/ *$//'
    echo
    echo "};"
}

version=$(psql -XAtqc "SELECT current_setting('server_version_num')::int / 10000")
cat <<TEXT
/*
 * What PostgreSQL's own functions do, made by tests/tools/builtin_functions.sh from the pg_proc
 * of PostgreSQL $version: names in the order of their bytes.
 */
/* clang-format off */
#define N(text) { text, sizeof(text) - 1 }
TEXT
table reads 'Immutable and stable.'
table allowed 'Volatile, harmless on a standby, and the same there.'
table host 'Read what may differ from host to host.'
table writes 'Volatile, or stable and refused by a standby.'
echo
echo "#undef N"
echo "/* clang-format on */"
