#ifndef DAEMON_RULE_CHECK_H
#define DAEMON_RULE_CHECK_H

struct complaints;
struct settings;

/*
 * What --check has to say of auth_file, auth_hba_file, auth_ident_file, auth_ldap_options and the
 * TLS settings: each line with a mistake as an error with its file and number, and methods that
 * this build has not got. A running daemon logs and skips such lines, but for those of TLS.
 */
void rules_check(const struct settings *settings, struct complaints *complaints);

#endif
