/*
 * The query that tells what a database's functions and relations do. Run by the prober on a
 * connection of its own, once a minute: most of its time is spent in the trees of views, about 20
 * ms for a megabyte of them. Names are qualified, a search path is not trusted.
 */
#include "sql/function_book.h"

/* Views that people made, their rules as trees. */
#define RULES                                                                                      \
	"rules AS (SELECT r.oid, r.ev_class AS view, r.ev_action"                                  \
	" FROM pg_catalog.pg_rewrite r"                                                            \
	" JOIN pg_catalog.pg_class c ON c.oid = r.ev_class"                                        \
	" JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"                                \
	" WHERE c.relkind = 'v' AND r.ev_type = '1'"                                               \
	" AND n.nspname NOT IN ('pg_catalog', 'information_schema'))"
/* What they read, directly and through other views. */
#define REACH                                                                                      \
	"uses AS (SELECT DISTINCT rules.view, d.refobjid AS relation FROM rules"                   \
	" JOIN pg_catalog.pg_depend d ON d.objid = rules.oid AND d.refobjid <> rules.view"         \
	" AND d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass"                            \
	" AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass),"                         \
	" reach AS (SELECT view, view AS relation FROM rules"                                      \
	" UNION SELECT view, relation FROM uses"                                                   \
	" UNION SELECT reach.view, uses.relation FROM reach JOIN uses"                             \
	" ON uses.view = reach.relation)"
/* The functions in their trees that may be more than reads. */
#define CALLS                                                                                      \
	"calls AS (SELECT DISTINCT rules.view, p.proname, p.provolatile = 'v' AS volatile,"        \
	" n.nspname = 'pg_catalog' AS own FROM rules,"                                             \
	" LATERAL pg_catalog.regexp_matches(rules.ev_action::pg_catalog.text,"                     \
	" ':(?:funcid|opfuncid|aggfnoid|winfnoid) ([0-9]+)', 'g') AS found"                        \
	" JOIN pg_catalog.pg_proc p ON p.oid = found[1]::pg_catalog.oid"                           \
	" JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace"                                \
	" WHERE p.provolatile = 'v' OR (n.nspname = 'pg_catalog'"                                  \
	" AND p.proname ~ '^(pg_|inet_|txid_)|_to_xml'))"

/* An aggregate is immutable whatever the functions that it is made of are. */
#define FUNCTIONS                                                                                  \
	"SELECT 'f' AS kind, n.nspname::pg_catalog.text AS schema,"                                \
	" p.proname::pg_catalog.text AS name,"                                                     \
	" pg_catalog.bool_or(p.provolatile = 'v' OR s.provolatile IS NOT NULL) AS volatile"        \
	" FROM pg_catalog.pg_proc p"                                                               \
	" JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace"                                \
	" LEFT JOIN pg_catalog.pg_aggregate a ON a.aggfnoid = p.oid"                               \
	" LEFT JOIN pg_catalog.pg_proc s ON s.provolatile = 'v'"                                   \
	" AND s.oid IN (a.aggtransfn, a.aggfinalfn, a.aggmtransfn, a.aggmfinalfn)"                 \
	" WHERE n.nspname <> 'pg_catalog'"                                                         \
	" OR pg_catalog.current_setting('server_version_num')::int >= 160000"                      \
	" GROUP BY n.nspname, p.proname"
#define OPERATORS                                                                                  \
	"SELECT 'o', '', o.oprname, true FROM pg_catalog.pg_operator o"                            \
	" JOIN pg_catalog.pg_proc p ON p.oid = o.oprcode"                                          \
	" JOIN pg_catalog.pg_namespace n ON n.oid = o.oprnamespace"                                \
	" WHERE p.provolatile = 'v' AND n.nspname <> 'pg_catalog' GROUP BY o.oprname"
/* Sequences and unlogged tables, and the views that reach one. */
#define RELATIONS                                                                                  \
	"SELECT 'r', '', c.relname, false FROM pg_catalog.pg_class c"                              \
	" WHERE (c.relkind = 'S' AND c.relpersistence <> 't')"                                     \
	" OR (c.relkind IN ('r', 'm', 'p') AND c.relpersistence = 'u')"                            \
	" UNION SELECT 'r', '', v.relname, false FROM reach"                                       \
	" JOIN pg_catalog.pg_class v ON v.oid = reach.view"                                        \
	" JOIN pg_catalog.pg_class c ON c.oid = reach.relation"                                    \
	" WHERE c.relkind = 'S' OR c.relpersistence = 'u'"
#define VIEWS                                                                                      \
	"SELECT 'v', CASE WHEN calls.own THEN calls.proname ELSE '' END, v.relname,"               \
	" pg_catalog.bool_or(calls.volatile) FROM reach"                                           \
	" JOIN calls ON calls.view = reach.relation"                                               \
	" JOIN pg_catalog.pg_class v ON v.oid = reach.view GROUP BY 2, 3"                          \
	" UNION SELECT 'w', c.relname, v.relname, false FROM reach"                                \
	" JOIN pg_catalog.pg_class v ON v.oid = reach.view"                                        \
	" JOIN pg_catalog.pg_class c ON c.oid = reach.relation AND c.relkind = 'v'"                \
	" JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace AND n.nspname = 'pg_catalog'"

const char *function_book_query(void)
{
	return "WITH RECURSIVE " RULES ", " REACH ", " CALLS " " FUNCTIONS " UNION ALL " OPERATORS
	       " UNION ALL (" RELATIONS ") UNION ALL (" VIEWS ")";
}
