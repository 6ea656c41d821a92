/*
 * The table of commands. Help texts are what docs/ADMIN.md says.
 */

#include <strings.h>

#include "admin/admin_internal.h"

static const struct command commands[] = {
	{ "SHOW", "what", LEVEL_SHOW,
	  "Shows something: the list below says what there is. `SELECT what` means the same.",
	  control_show },
	{ "SELECT", "what", LEVEL_SHOW, "The same as `SHOW what`.", control_show },
	{ "SET", "key = value", LEVEL_STEER,
	  "Changes one setting of `[pgcarwash]`, until RELOAD takes what the file says (settings "
	  "without a default that are not in the file stay as SET made them). A value with blanks "
	  "or quotes stands in single quotes. Settings that need a restart do not change; the log "
	  "has a warning.",
	  control_set },
	{ "RELOAD", "", LEVEL_STEER,
	  "Reads the configuration, auth_file and the rules of auth_hba_file again and opens the "
	  "log file anew. All or "
	  "nothing: with a mistake in a file nothing changes, and the log says what is wrong.",
	  control_reload },
	{ "PAUSE", "[db]", LEVEL_STEER,
	  "Closes server connections as their transactions end and lets clients wait. Answers "
	  "when no server connection is left; a cancel request meanwhile undoes it.",
	  control_pause },
	{ "RESUME", "[db]", LEVEL_STEER, "Undoes PAUSE, KILL or SUSPEND.", control_resume },
	{ "DISABLE", "db", LEVEL_STEER, "Refuses new logins to a database; those who are in stay.",
	  control_disable },
	{ "ENABLE", "db", LEVEL_STEER, "Undoes DISABLE.", control_enable },
	{ "RECONNECT", "[db]", LEVEL_STEER,
	  "Closes every server connection that is open now, each as it comes free.",
	  control_reconnect },
	{ "WAIT_CLOSE", "[db]", LEVEL_STEER,
	  "Answers when the server connections that RECONNECT or a reload marked are closed.",
	  control_wait_close },
	{ "KILL", "[db]", LEVEL_STEER,
	  "Drops all clients and server connections at once; new clients wait until RESUME.",
	  control_kill },
	{ "KILL_CLIENT", "id", LEVEL_STEER,
	  "Ends the client with this id, which SHOW CLIENTS tells.", control_kill_client },
	{ "SUSPEND", "", LEVEL_STEER,
	  "Sends what is queued, reads no client and accepts none. Answers when all is sent; "
	  "after suspend_timeout the slow ones are dropped. Ends with RESUME, or when the client "
	  "that asked for it leaves.",
	  control_suspend },
	{ "DRAIN", "host[:port]", LEVEL_STEER,
	  "Sends no new transaction to a host of any cluster; those under way end in peace. A "
	  "primary can be drained, too: writes are held until it is not.",
	  control_drain },
	{ "UNDRAIN", "host[:port]", LEVEL_STEER, "Undoes DRAIN.", control_undrain },
	{ "FAILOVER", "db TO host[:port]", LEVEL_STEER,
	  "Moves the primary of a database's cluster to a replica that is up, without an error for "
	  "anybody: writes are held, the replica replays all that was written, is promoted and "
	  "found to be the primary. Answers then, or with an error after failover_hold, when all "
	  "is as before; only when the replica was told and does not answer, writes are held for "
	  "15 seconds more. Nothing is done to the old primary but that it gets no more clients of "
	  "this process: others that write there must be stopped first.",
	  control_failover },
	{ "EXPLAIN", "ROUTE db statement", LEVEL_SHOW,
	  "Tells what a statement is taken for, where it would be sent now, and for each host of "
	  "the cluster why it would or would not be chosen. Nothing is run.",
	  control_explain },
	{ "SHUTDOWN", "[WAIT_FOR_SERVERS | WAIT_FOR_CLIENTS]", LEVEL_STEER,
	  "Leaves at once, or closes the TCP listeners and leaves when all server connections "
	  "are free, or when all clients are gone. Said again, it changes what is waited for.",
	  control_shutdown },
};

const struct command_table command_table = { commands, COUNT_OF(commands) };

const struct command *command_find(const char *name)
{
	for (size_t i = 0; i < COUNT_OF(commands); i++)
		if (strcasecmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}
