/*
 * ENDING(id, severity, sqlstate, label, text): one row a reason. Included by ending.h and
 * ending.c with different definitions of ENDING, hence no include guard.
 */

/* login of a client */
ENDING(LOGIN_TIMEOUT, "FATAL", "08P01", "client_login_timeout", "client_login_timeout")
ENDING(LOGIN_TIMEOUT_SERVER, "FATAL", "08P01", "client_login_timeout_server_down",
       "client_login_timeout (server down)")
ENDING(PROXY_HEADER, "", "08P01", "proxy_header", "no PROXY header, or a bad one")
ENDING(PROXY_TIMEOUT, "", "08P01", "proxy_timeout", "no PROXY header in time")
ENDING(NO_SUCH_DATABASE, "FATAL", "08P01", "no_such_database", "no such database")
ENDING(DATABASE_DISABLED, "FATAL", "08P01", "database_disabled", "database is disabled")
ENDING(POOLER_SHUTTING_DOWN, "FATAL", "08P01", "pooler_shutting_down", "pooler is shutting down")
ENDING(MAX_CLIENT_CONN, "FATAL", "08P01", "max_client_conn",
       "no more connections allowed (max_client_conn)")
ENDING(MAX_DB_CLIENTS, "FATAL", "08P01", "max_db_client_connections",
       "client connections exceeded (max_db_client_connections)")
ENDING(MAX_USER_CLIENTS, "FATAL", "08P01", "max_user_client_connections",
       "client connections exceeded (max_user_client_connections)")
ENDING(TRUST_FAILED, "FATAL", "08P01", "auth_failed", "\"trust\" authentication failed")
ENDING(PASSWORD_FAILED, "FATAL", "08P01", "auth_failed", "password authentication failed")
ENDING(SASL_FAILED, "FATAL", "08P01", "auth_failed", "SASL authentication failed")
ENDING(SASL_MECHANISM, "FATAL", "08P01", "auth_failed",
       "client selected an invalid SASL authentication mechanism")
ENDING(CERTIFICATE_FAILED, "FATAL", "08P01", "auth_failed", "certificate authentication failed")
ENDING(PEER_FAILED, "FATAL", "08P01", "auth_failed", "unix socket login rejected")
ENDING(LOGIN_REJECTED, "FATAL", "08P01", "auth_failed", "login rejected")
ENDING(NO_AUTH_METHOD, "FATAL", "08P01", "auth_failed", "no authentication method is found")
ENDING(NO_LDAP, "FATAL", "08P01", "auth_failed", "ldap is not supported by this build")
ENDING(LDAP_FAILED, "FATAL", "08P01", "auth_failed", "LDAP authentication failed")
ENDING(LDAP_OPTIONS, "FATAL", "08P01", "config_error", "auth_ldap_options is null")
ENDING(NO_PAM, "FATAL", "08P01", "auth_failed", "pam is not supported by this build")
ENDING(PAM_FAILED, "FATAL", "08P01", "auth_failed", "PAM authentication failed")
ENDING(AUTH_DATABASE_DISABLED, "FATAL", "08P01", "auth_database_disabled",
       "authentication database is disabled")
ENDING(EMPTY_PASSWORD, "FATAL", "08P01", "auth_failed", "empty password returned by client")
ENDING(PASSWORD_TOO_EARLY, "FATAL", "08P01", "protocol",
       "client password pkt before startup packet")
ENDING(STARTUP_TWICE, "FATAL", "08P01", "protocol", "client re-sent startup pkt")
ENDING(CONSOLE_NOT_ALLOWED, "FATAL", "08P01", "console_not_allowed", "not allowed")
ENDING(SSL_TWICE, "", "08P01", "protocol", "SSL req inside SSL")
ENDING(SSL_REQUIRED, "FATAL", "08P01", "ssl_required", "SSL required")
ENDING(DATA_BEFORE_TLS, "FATAL", "08P01", "protocol",
       "received unencrypted data after SSL request")
ENDING(DATA_BEFORE_GSS, "FATAL", "08P01", "protocol",
       "received unencrypted data after GSSAPI encryption request")
ENDING(PROTOCOL_V2, "FATAL", "08P01", "protocol", "old V2 protocol not supported")
ENDING(PROTOCOL_VERSION, "FATAL", "08P01", "protocol", "unsupported frontend protocol")
ENDING(NO_USERNAME, "FATAL", "08P01", "protocol", "no username supplied")
ENDING(USERNAME_TOO_LONG, "FATAL", "08P01", "protocol", "username too long")
ENDING(STARTUP_LAYOUT, "FATAL", "08P01", "protocol",
       "invalid startup packet layout: expected terminator as last byte")
ENDING(STARTUP_PARAMETER, "FATAL", "08P01", "startup_parameter", "unsupported startup parameter")
ENDING(STARTUP_OPTIONS_FORM, "FATAL", "08P01", "startup_parameter",
       "unsupported options startup parameter: only '-c config=val' and '--config=val' are allowed")
ENDING(CONFIG_ERROR, "FATAL", "08P01", "config_error", "bouncer config error")
ENDING(RESOURCES, "FATAL", "08P01", "resources", "bouncer resources exhaustion")
ENDING(SERVER_LOGIN_FAILED, "FATAL", "08P01", "server_login_failed", "server login failed")
ENDING(WRONG_PASSWORD_TYPE, "FATAL", "08P01", "server_login_failed",
       "server login failed: wrong password type")
ENDING(SERVER_SIGNATURE, "FATAL", "08P01", "server_login_failed",
       "server login failed: invalid server signature")
ENDING(SERVER_MECHANISM, "FATAL", "08P01", "server_login_failed",
       "server login failed: none of the server's SASL authentication mechanisms are supported")
ENDING(SERVER_CHANNEL_BINDING, "FATAL", "08P01", "server_login_failed",
       "server login failed: channel binding is required, but not what the server does")
ENDING(SERVER_LOGIN_CACHED, "FATAL", "08P01", "server_login_cached",
       "server login has been failing")

/* a logged-in client */
ENDING(CLIENT_CLOSED, "", "08003", "client_close_request", "client close request")
ENDING(CLIENT_EOF, "", "08006", "client_unexpected_eof", "client unexpected eof")
ENDING(QUERY_WAIT_TIMEOUT, "FATAL", "08P01", "query_wait_timeout", "query_wait_timeout")
ENDING(QUERY_TIMEOUT_WAITING, "FATAL", "08P01", "query_timeout", "query_timeout")
ENDING(QUERY_TIMEOUT, "FATAL", "08P01", "query_timeout", "query timeout")
ENDING(IDLE_TRANSACTION, "FATAL", "08P01", "idle_transaction_timeout", "idle transaction timeout")
ENDING(TRANSACTION_TIMEOUT, "FATAL", "08P01", "transaction_timeout", "transaction timeout")
ENDING(CLIENT_IDLE, "FATAL", "08P01", "client_idle_timeout", "client_idle_timeout")
ENDING(SERVER_SHUTDOWN, "FATAL", "08P01", "server_shutting_down", "server shutting down")
ENDING(DATABASE_REMOVED, "FATAL", "08P01", "database_removed", "database removed")
ENDING(ADMIN_KILL, "FATAL", "08P01", "admin_forced_disconnect", "admin forced disconnect")
ENDING(SUSPEND_TIMEOUT, "FATAL", "08P01", "suspend_timeout", "suspend_timeout")
ENDING(STATEMENT_MODE, "FATAL", "08P01", "statement_mode",
       "transaction blocks not allowed in statement pooling mode")
ENDING(DATABASE_CHANGED, "FATAL", "08P01", "database_changed", "database configuration changed")
ENDING(BAD_PARAMETER, "FATAL", "08P01", "invalid_server_parameter", "invalid server parameter")
ENDING(SERVER_CRASHED, "FATAL", "08P01", "server_crashed", "server conn crashed?")
ENDING(SERVER_WRITE, "FATAL", "08P01", "server_connection_closed", "server connection closed")
ENDING(PQEXEC, "FATAL", "08P01", "pqexec_disallowed", "PQexec disallowed")
ENDING(UNKNOWN_PACKET, "FATAL", "08P01", "protocol", "unknown pkt")
ENDING(BAD_PACKET, "FATAL", "08P01", "protocol", "bad packet header")
ENDING(BROKEN_PARSE, "FATAL", "08P01", "protocol", "broken Parse packet")
ENDING(BROKEN_BIND, "FATAL", "08P01", "protocol", "broken Bind packet")
ENDING(BROKEN_DESCRIBE, "FATAL", "08P01", "protocol", "broken Describe packet")
ENDING(BROKEN_CLOSE, "FATAL", "08P01", "protocol", "broken Close packet")
ENDING(COPY_BROKEN, "FATAL", "08P01", "protocol", "unexpected message during COPY from stdin")
ENDING(TAKEN_OVER, "", "00000", "taken_over", "disko over")
ENDING(NO_MEMORY, "FATAL", "53200", "out_of_memory", "out of memory")

#include "base/ending_cluster.h"

/* a server connection */
ENDING(CONNECT_FAILED, "FATAL", "08P01", "connect_failed", "connect failed")
ENDING(CONNECT_TIMEOUT, "FATAL", "08P01", "connect_timeout", "connect timeout")
ENDING(DNS_FAILED, "FATAL", "08P01", "dns_failed", "server DNS lookup failed")
ENDING(BAD_SSL_ANSWER, "FATAL", "08P01", "server_tls", "bad sslreq answer")
ENDING(DATA_BEFORE_SERVER_TLS, "FATAL", "08P01", "server_tls",
       "received unencrypted data after SSL response")
ENDING(SERVER_REFUSED_SSL, "FATAL", "08P01", "server_tls", "server refused SSL")
ENDING(TLS_FAILED, "FATAL", "08P01", "server_tls", "TLS startup failed")
ENDING(SERVER_PROTOCOL, "FATAL", "08P01", "server_protocol", "unknown pkt from server")
ENDING(SERVER_UNKNOWN, "FATAL", "08P01", "server_protocol", "unknown pkt")
ENDING(SERVER_BAD_STATUS, "FATAL", "08P01", "server_protocol", "broken ParameterStatus packet")
ENDING(SERVER_BAD_KEY, "FATAL", "08P01", "server_protocol", "bad cancel key")
ENDING(SERVER_BAD_HEADER, "FATAL", "08P01", "server_protocol", "bad pkt header")
ENDING(SERVER_OLD_PROTOCOL, "", "00000", "server_old_protocol",
       "server refuses protocol 3.2, asking for 3.0")
ENDING(SERVER_IDLE, "", "00000", "server_idle_timeout", "server idle timeout")
ENDING(SERVER_LIFETIME, "", "00000", "server_lifetime", "server lifetime over")
ENDING(SERVER_SURPLUS, "", "00000", "surplus", "too many servers in the pool")
ENDING(SERVER_EVICTED, "", "00000", "evicted", "evicted")
ENDING(SERVER_DIRTY, "", "00000", "idle_dirty", "idle server got dirty")
ENDING(SERVER_CHECK, "", "00000", "check_failed", "test query failed")
ENDING(SERVER_RESET, "", "00000", "reset_failed", "reset query failed")
ENDING(SERVER_PAUSED, "", "00000", "pause_mode", "pause mode")
ENDING(SERVER_RECONNECT, "", "00000", "close_needed", "close_needed")
ENDING(CONNECT_STRING_CHANGED, "FATAL", "08P01", "connect_string_changed", "connect string changed")
ENDING(REPLICATION_GONE, "", "00000", "replication_client_gone", "replication client was closed")
ENDING(REPLICATION_LEFT, "", "00000", "replication_client_left",
       "replication client disconnected")
ENDING(CLIENT_GONE_PARTIAL, "", "00000", "client_gone",
       "client disconnect before everything was sent to the server")
ENDING(CLEAN_TIMEOUT, "", "00000", "clean_timeout", "server not ready in time after client left")
ENDING(DAEMON_EXIT, "FATAL", "57P01", "exit", "pooler is shutting down")

/* a cancel request */
ENDING(CANCEL_SENT, "", "00000", "cancel_sent", "successfully sent cancel request")
ENDING(CANCEL_UNKNOWN, "", "00000", "cancel_unknown", "failed cancel request")
ENDING(CANCEL_BROKEN, "", "00000", "cancel_broken", "bad cancel request")
ENDING(CANCEL_IDLE, "", "00000", "cancel_idle", "cancel request for idle client")
ENDING(CANCEL_CONSOLE, "", "00000", "cancel_console", "cancel request for console client")
ENDING(CANCEL_LATE, "", "00000", "cancel_late",
       "not sending cancel request for client that is now idle")
ENDING(CANCEL_TIMEOUT, "", "00000", "cancel_wait_timeout", "cancel_wait_timeout")
ENDING(CANCEL_FAILED, "", "00000", "cancel_failed", "failed to send cancel request")
ENDING(CANCEL_NO_PEER, "", "00000", "cancel_no_peer", "could not find peer to forward request to")
ENDING(CANCEL_HOPS, "", "00000", "cancel_hops",
       "failed to forward cancel request because its TTL was exhausted")
ENDING(PEER_REMOVED, "", "00000", "peer_removed", "peer removed")
