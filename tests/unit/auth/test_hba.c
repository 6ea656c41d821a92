#include "test.h"

#include <arpa/inet.h>

#include "auth/hba.h"
#include "auth/ident.h"

/* Collects "line: text\n". */
static void note_fault(void *ctx, unsigned line, const char *text)
{
	char *out = ctx;
	size_t len = strlen(out);

	snprintf(out + len, 1000 - len, "%u: %s\n", line, text);
}

static char faults_seen[1000];
static const struct line_faults faults = { note_fault, faults_seen };

static struct hba *parse(const char *text)
{
	faults_seen[0] = '\0';
	return hba_parse(slice_of(text), NULL, 0, &faults);
}

/* Line of the rule for a login, 0 = none. from: NULL for a Unix socket. */
static unsigned match(const struct hba *hba, const char *database, const char *user,
		      const char *from, bool tls)
{
	uint8_t bytes[16];
	struct hba_login login = { .database = slice_of(database),
				   .user = slice_of(user),
				   .tls = tls };
	const struct hba_rule *rule;

	if (from) {
		login.address = bytes;
		login.address_len = strchr(from, ':') ? 16 : 4;
		if (inet_pton(login.address_len == 4 ? AF_INET : AF_INET6, from, bytes) != 1)
			return 999;
	}
	rule = hba_match(hba, &login);
	return rule ? rule->line : 0;
}

TEST(the_first_rule_that_fits_counts)
{
	struct hba *hba = parse("# who\tmay\n"
				"local   all  all  peer\n"
				"\n"
				"host app,\"my db\" anna,bert 10.0.0.0/8 md5\r\n"
				"host all all 10.1.2.3/32 reject # not you\n"
				"host sameuser all 10.0.0.0 255.255.0.0 scram-sha-256\n"
				"hostssl all all all cert map=m1\n"
				"hostnossl all all ::1/128 trust\n"
				"host all all fe80::/10 password");

	REQUIRE(hba);
	CHECK_TEXT_EQ(faults_seen, "");
	CHECK_UINT_EQ(hba_len(hba), 7);
	CHECK_UINT_EQ(match(hba, "app", "anna", NULL, false), 2);
	CHECK_UINT_EQ(match(hba, "app", "anna", "10.1.2.3", false), 4);
	CHECK_UINT_EQ(match(hba, "my db", "bert", "10.1.2.3", false), 4);
	CHECK_UINT_EQ(match(hba, "my", "bert", "10.1.2.3", false), 5);
	CHECK_UINT_EQ(match(hba, "carl", "carl", "10.0.255.1", false), 6);
	CHECK_UINT_EQ(match(hba, "carl", "carl", "10.1.0.1", false), 0);
	CHECK_UINT_EQ(match(hba, "app", "carl", "10.0.255.1", false), 0);
	CHECK_UINT_EQ(match(hba, "app", "carl", "192.168.0.1", true), 7);
	CHECK_UINT_EQ(match(hba, "app", "carl", "::1", true), 7);
	CHECK_UINT_EQ(match(hba, "app", "carl", "::1", false), 8);
	CHECK_UINT_EQ(match(hba, "app", "carl", "::2", false), 0);
	CHECK_UINT_EQ(match(hba, "app", "carl", "febf::2", false), 9);
	CHECK_UINT_EQ(match(hba, "app", "carl", "fec0::2", false), 0);
	hba_free(hba);
}

TEST(a_rule_says_method_and_map)
{
	struct hba *hba = parse("local all all cert map=\"a map\"\n"
				"host all all all ldap ldapserver=a ldapprefix=\"1 # 2\" # note\n");
	struct hba_login login = { .database = SLICE_LITERAL("d"), .user = SLICE_LITERAL("u") };
	static const uint8_t address[4];
	const struct hba_rule *rule;

	REQUIRE(hba);
	rule = hba_match(hba, &login);
	REQUIRE(rule);
	CHECK_INT_EQ(rule->method, HBA_CERT);
	CHECK_SLICE_EQ(rule->map, SLICE_LITERAL("a map"));
	login.address = address;
	login.address_len = 4;
	rule = hba_match(hba, &login);
	REQUIRE(rule);
	CHECK_INT_EQ(rule->method, HBA_LDAP);
	CHECK(!rule->map.data);
	CHECK_SLICE_EQ(rule->options, SLICE_LITERAL("ldapserver=a ldapprefix=\"1 # 2\""));
	hba_free(hba);
}

TEST(a_rule_names_the_service_of_pam)
{
	struct hba *hba = parse("local all all pam pam_use_hostname=0 pamservice=\"my own\"\n"
				"host all all all pam\n");
	struct hba_login login = { .database = SLICE_LITERAL("d"), .user = SLICE_LITERAL("u") };
	static const uint8_t address[4];

	REQUIRE(hba);
	CHECK_TEXT_EQ(faults_seen, "");
	CHECK(hba_uses(hba, HBA_PAM) && !hba_uses(hba, HBA_LDAP));
	CHECK_SLICE_EQ(hba_match(hba, &login)->options, SLICE_LITERAL("my own"));
	login.address = address;
	login.address_len = 4;
	CHECK(!hba_match(hba, &login)->options.data);
	hba_free(hba);
}

TEST(quoted_words_are_names)
{
	struct hba *hba = parse("local \"all\" all md5\n"
				"local \"replication\" \"all\" md5\n"
				"local \"say \"\"hi\"\"\" x md5\n"
				"local \"\"\"\" x md5\n"
				"local a\"b c\",d x md5\n");

	REQUIRE(hba);
	CHECK_TEXT_EQ(faults_seen, "");
	CHECK_UINT_EQ(match(hba, "all", "x", NULL, false), 1);
	CHECK_UINT_EQ(match(hba, "replication", "x", NULL, false), 0);
	CHECK_UINT_EQ(match(hba, "replication", "all", NULL, false), 2);
	CHECK_UINT_EQ(match(hba, "say \"hi\"", "x", NULL, false), 3);
	CHECK_UINT_EQ(match(hba, "\"", "x", NULL, false), 4);
	CHECK_UINT_EQ(match(hba, "ab c", "x", NULL, false), 5);
	CHECK_UINT_EQ(match(hba, "d", "x", NULL, false), 5);
	CHECK_UINT_EQ(match(hba, "other", "x", NULL, false), 0);
	hba_free(hba);
}

TEST(physical_replication_has_rules_of_its_own)
{
	struct hba *hba = parse("local all all md5\n"
				"local replication all trust\n");
	struct hba_login login = { .database = SLICE_LITERAL("d"),
				   .user = SLICE_LITERAL("u"),
				   .replication = true };

	REQUIRE(hba);
	REQUIRE(hba_match(hba, &login));
	CHECK_UINT_EQ(hba_match(hba, &login)->line, 2);
	CHECK_UINT_EQ(match(hba, "replication", "u", NULL, false), 1);
	hba_free(hba);
}

TEST(bad_lines_are_told_and_skipped)
{
	static const struct {
		const char *line, *text;
	} bad[] = {
		{ "remote all all md5", "unknown type (local, host, hostssl or hostnossl)" },
		{ "\"local\" all all md5", "unknown type (local, host, hostssl or hostnossl)" },
		{ "local", "the database is missing" },
		{ "local all", "the user is missing" },
		{ "local all all", "the method is missing" },
		{ "local all all krb5", "unknown method" },
		{ "local all all md5,trust", "only one is possible here, not a list" },
		{ "local samerole all md5", "samerole and samegroup are not supported" },
		{ "local all +staff md5", "groups of users (+name) are not supported" },
		{ "local all /^a md5", "regular expressions are not supported" },
		{ "local all all md5 map=x", "unknown option" },
		{ "local all all peer map=", "unknown option" },
		{ "local all all cert clientcert=verify-ca", "unknown option" },
		{ "local \"all all md5", "a quote is not closed" },
		{ "local all all peer \"map", "a quote is not closed" },
		{ "local @nothing all md5", "a file named with @ could not be read" },
		{ "host all all", "the address is missing" },
		{ "host all all md5", "not an address (host names are not supported)" },
		{ "host all all example.org md5", "not an address (host names are not supported)" },
		{ "host all all 1.2.3/24 md5", "not an address (host names are not supported)" },
		{ "host all all 1.2.3.4/33 md5", "bad number of bits behind the address" },
		{ "host all all 1.2.3.4/ md5", "bad number of bits behind the address" },
		{ "host all all 1.2.3.4/-1 md5", "bad number of bits behind the address" },
		{ "host all all ::1/129 md5", "bad number of bits behind the address" },
		{ "host all all 1.2.3.4 ::1 md5", "unknown method" },
		{ "local all all ldap ldapserver=a ldapport=x", "ldapport is not a port number" },
		{ "local all all ldap", "ldapserver is missing" },
		{ "local all all pam pamservice=", "unknown option" },
		{ "local all all pam pamservice=/etc/passwd",
		  "pamservice is the name of a service, not a file" },
		{ "local all all pam pam_use_hostname=1",
		  "pam_use_hostname is not supported: PAM gets the address" },
		{ "local all all pam map=x", "unknown option" },
	};

	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		char text[200], wanted[200];
		struct hba *hba;

		snprintf(text, sizeof(text), "local a a md5\n%s\nlocal b b md5\n", bad[i].line);
		snprintf(wanted, sizeof(wanted), "2: %s\n", bad[i].text);
		hba = parse(text);
		REQUIRE(hba);
		CHECK_TEXT_EQ(faults_seen, wanted);
		CHECK_UINT_EQ(hba_len(hba), 2);
		CHECK_UINT_EQ(match(hba, "b", "b", NULL, false), 3);
		hba_free(hba);
	}
}

TEST(at_names_a_file)
{
	const struct text_file includes[] = {
		{ SLICE_LITERAL("dbs"), SLICE_LITERAL("one, two # not this\n\nthree @more\n") },
		{ SLICE_LITERAL("more"), SLICE_LITERAL("\"four\"\nsameuser") },
		{ SLICE_LITERAL("self"), SLICE_LITERAL("@self @self") },
		{ SLICE_LITERAL("gone"), SLICE_NONE },
	};
	struct hba *hba;

	faults_seen[0] = '\0';
	hba = hba_parse(SLICE_LITERAL("local zero,@dbs,nine all md5\n"
				      "local @self all trust\n"
				      "local \"@dbs\" all trust\n"
				      "local @gone all trust\n"),
			includes, COUNT_OF(includes), &faults);
	REQUIRE(hba);
	CHECK_TEXT_EQ(faults_seen, "2: too many names, or files that name each other\n"
				   "4: a file named with @ could not be read\n");
	CHECK_UINT_EQ(match(hba, "zero", "u", NULL, false), 1);
	CHECK_UINT_EQ(match(hba, "two", "u", NULL, false), 1);
	CHECK_UINT_EQ(match(hba, "three", "u", NULL, false), 1);
	CHECK_UINT_EQ(match(hba, "four", "u", NULL, false), 1);
	CHECK_UINT_EQ(match(hba, "nine", "u", NULL, false), 1);
	CHECK_UINT_EQ(match(hba, "u", "u", NULL, false), 1);
	CHECK_UINT_EQ(match(hba, "this", "u", NULL, false), 0);
	CHECK_UINT_EQ(match(hba, "@dbs", "u", NULL, false), 3);
	hba_free(hba);
}

TEST(an_empty_table_lets_nobody_in)
{
	struct hba *hba = parse("# nothing\n\n   \n");

	REQUIRE(hba);
	CHECK_UINT_EQ(hba_len(hba), 0);
	CHECK_UINT_EQ(match(hba, "d", "u", NULL, false), 0);
	hba_free(hba);
	hba_free(NULL);
}

static bool allows(const struct ident *ident, const char *map, const char *system_user,
		   const char *database_user)
{
	return ident_allows(ident, slice_of(map), slice_of(system_user), slice_of(database_user));
}

TEST(maps_of_names)
{
	struct ident *ident;

	faults_seen[0] = '\0';
	ident = ident_parse(SLICE_LITERAL("# map system database\n"
					  "m1 root postgres\n"
					  "m1 \"Anna Smith\" anna\n"
					  "m1 anna\n"
					  "m2 root all # every one\n"
					  "m3 root \"all\"\n"
					  "m4 /^x y\n"
					  "m4 a b c\n"
					  "m4 a,b c\n"
					  "m4 \"a b c\n"),
			    &faults);
	REQUIRE(ident);
	CHECK_TEXT_EQ(faults_seen, "4: three names are needed: map, system user, database user\n"
				   "7: regular expressions are not supported\n"
				   "8: more than three names\n"
				   "9: only one name is possible here, not a list\n"
				   "10: a quote is not closed\n");
	CHECK_UINT_EQ(ident_len(ident), 4);
	CHECK(allows(ident, "m1", "root", "postgres"));
	CHECK(allows(ident, "m1", "Anna Smith", "anna"));
	CHECK(!allows(ident, "m1", "root", "anna"));
	CHECK(!allows(ident, "m1", "anna", "anna"));
	CHECK(allows(ident, "m2", "root", "anna"));
	CHECK(!allows(ident, "m2", "toor", "anna"));
	CHECK(allows(ident, "m3", "root", "all"));
	CHECK(!allows(ident, "m3", "root", "anna"));
	CHECK(!allows(ident, "m9", "root", "root"));
	CHECK(allows(ident, NULL, "root", "root"));
	CHECK(!allows(ident, NULL, "root", "postgres"));
	ident_free(ident);
	ident_free(NULL);
}

TEST(no_memory_is_no_table)
{
	unsigned refused = 0;

	WITH_EACH_FAULT(nth)
	{
		struct hba *hba = parse("local \"a b\",c all peer map=x\n"
					"host all d 1.2.3.4 ldap ldapserver=a ldapprefix=b\n");
		struct ident *ident = ident_parse(SLICE_LITERAL("a \"b c\" d\n"), &faults);

		refused += !hba + !ident;
		CHECK_TEXT_EQ(faults_seen, "");
		if (hba)
			CHECK_UINT_EQ(hba_len(hba), 2);
		if (ident)
			CHECK_UINT_EQ(ident_len(ident), 1);
		hba_free(hba);
		ident_free(ident);
	}
	CHECK(refused >= 4);
}
