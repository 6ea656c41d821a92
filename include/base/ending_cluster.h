/*
 * Rows of base/ending_table.h, included by it: of clients whose database is a cluster of hosts.
 * Hence no include guard here either.
 */

ENDING(HOST_CHANGED, "FATAL", "57P01", "host_changed",
       "terminating connection because the server is not the host it was")
ENDING(FAILOVER_HOLD, "FATAL", "57P03", "failover_hold",
       "no primary was found within failover_hold")
ENDING(CANCELED_IN_BLOCK, "FATAL", "57014", "canceled_in_block",
       "canceling statement due to user request")
ENDING(REPLICA_WAIT, "FATAL", "57P03", "replica_wait", "no replica was found in time")
