#include "test.h"

#include "auth/directory.h"

static struct arena *arena;
static struct directory directory;
static const char *fault;

/* The fault, "" for none. */
static const char *read_options(const char *text)
{
	arena_free(arena);
	arena = arena_new();
	fault = "out of memory";
	if (arena && directory_read(slice_of(text), arena, &directory, &fault) == OK)
		return "";
	return fault ? fault : "out of memory";
}

static void done(void)
{
	arena_free(arena);
	arena = NULL;
}

/* The filter for a user, "" when there can be none. */
static const char *filter(const char *user)
{
	static char text[200];
	struct buffer out = BUFFER_EMPTY;

	text[0] = '\0';
	if (directory_write_filter(&directory, slice_of(user), &out) == OK)
		snprintf(text, sizeof(text), "%.*s", (int)out.len, out.data);
	buffer_release(&out);
	return text;
}

TEST(simple_bind)
{
	struct buffer out = BUFFER_EMPTY;

	CHECK_TEXT_EQ(read_options("ldapserver=ldap.example.net ldapprefix=\"cn=\" "
				   "ldapsuffix=\", dc=example, dc=net\""),
		      "");
	CHECK_TEXT_EQ(directory.uri, "ldap://ldap.example.net:389");
	CHECK(!directory.start_tls && !directory.base);
	directory_write_name(&directory, SLICE_LITERAL("anna"), &out);
	CHECK_SLICE_EQ(buffer_slice(&out), SLICE_LITERAL("cn=anna, dc=example, dc=net"));
	buffer_release(&out);
	done();
}

TEST(search)
{
	CHECK_TEXT_EQ(
		read_options(" ldapserver=a ldapport=3890 ldaptls=1\tldapbasedn=\"dc=x,dc=y\" "
			     "ldapbinddn=cn=me,dc=x ldapbindpasswd=\"se\"\"cret\" "),
		"");
	CHECK_TEXT_EQ(directory.uri, "ldap://a:3890");
	CHECK(directory.start_tls);
	CHECK_TEXT_EQ(directory.base, "dc=x,dc=y");
	CHECK_TEXT_EQ(directory.bind_name, "cn=me,dc=x");
	CHECK_TEXT_EQ(directory.bind_password, "se\"cret");
	CHECK_INT_EQ(directory.scope, DIRECTORY_SUBTREE);
	CHECK_TEXT_EQ(filter("anna"), "(uid=anna)");
	CHECK_TEXT_EQ(read_options("ldapserver=a ldapbasedn=b ldapsearchattribute=mail"), "");
	CHECK_TEXT_EQ(filter("anna"), "(mail=anna)");
	CHECK_TEXT_EQ(read_options("ldapserver=a ldapbasedn=b "
				   "ldapsearchfilter=\"(|(uid=$username)(mail=$username))\""),
		      "");
	CHECK_TEXT_EQ(filter("anna"), "(|(uid=anna)(mail=anna))");
	done();
}

TEST(names_that_would_change_the_filter)
{
	static const char *const names[] = { "*", "a)(uid=b", "a\\2a", "a/b", "(", "x*" };

	CHECK_TEXT_EQ(read_options("ldapserver=a ldapbasedn=b"), "");
	for (size_t i = 0; i < COUNT_OF(names); i++)
		CHECK_TEXT_EQ(filter(names[i]), "");
	CHECK_TEXT_EQ(filter("a=b,c d"), "(uid=a=b,c d)");
	done();
}

TEST(several_servers_and_addresses)
{
	CHECK_TEXT_EQ(read_options("ldapserver=\"a  b.c 10.0.0.1 ::1 [fe80::1]\" ldapscheme=ldaps "
				   "ldapprefix=x"),
		      "");
	CHECK_TEXT_EQ(directory.uri, "ldaps://a:636 ldaps://b.c:636 ldaps://10.0.0.1:636 "
				     "ldaps://[::1]:636 ldaps://[fe80::1]:636");
	done();
}

TEST(urls)
{
	CHECK_TEXT_EQ(read_options("ldapurl=ldap://127.0.0.1:12345/dc=example,dc=net?uid?sub"), "");
	CHECK_TEXT_EQ(directory.uri, "ldap://127.0.0.1:12345");
	CHECK_TEXT_EQ(directory.base, "dc=example,dc=net");
	CHECK_TEXT_EQ(directory.attribute, "uid");
	CHECK_INT_EQ(directory.scope, DIRECTORY_SUBTREE);
	CHECK_TEXT_EQ(read_options("ldapurl=\"ldaps://[::1]/o=a%20b%3f??one?(cn=%24username)\""),
		      "");
	CHECK_TEXT_EQ(directory.uri, "ldaps://[::1]:636");
	CHECK_TEXT_EQ(directory.base, "o=a b?");
	CHECK_INT_EQ(directory.scope, DIRECTORY_ONE);
	CHECK_TEXT_EQ(filter("anna"), "(cn=anna)");
	CHECK_TEXT_EQ(read_options("ldapurl=ldap://h/dc=x"), "");
	CHECK_INT_EQ(directory.scope, DIRECTORY_BASE);
	CHECK_TEXT_EQ(read_options("ldapurl=ldap://h ldapsuffix=@x"), "");
	CHECK_TEXT_EQ(directory.suffix, "@x");
	done();
}

TEST(mistakes_are_told)
{
	static const struct {
		const char *options, *fault;
	} table[] = {
		{ "", "ldapserver is missing" },
		{ "ldapprefix=a", "ldapserver is missing" },
		{ "ldapserver=\" \" ldapprefix=a", "ldapserver is missing" },
		{ "ldapserver=a", "ldapbasedn, ldapprefix or ldapsuffix is missing" },
		{ "ldapserver=a ldapprefix=b ldapbasedn=c",
		  "ldapprefix and ldapsuffix do not go with a search" },
		{ "ldapserver=a ldapsuffix=b ldapbindpasswd=c",
		  "ldapprefix and ldapsuffix do not go with a search" },
		{ "ldapserver=a ldapbasedn=b ldapsearchattribute=c ldapsearchfilter=d",
		  "ldapsearchattribute does not go with a filter" },
		{ "ldapserver=a ldapprefix=b ldaptls=1 ldapscheme=ldaps",
		  "ldaptls does not go with ldaps" },
		{ "ldapserver=a ldapport=0", "ldapport is not a port number" },
		{ "ldapserver=a ldapport=65536", "ldapport is not a port number" },
		{ "ldapserver=a ldapport=", "ldapport is not a port number" },
		{ "ldapserver=a ldapscheme=http", "ldapscheme is neither ldap nor ldaps" },
		{ "ldapserver=a ldaptls=yes", "ldaptls is neither 0 nor 1" },
		{ "ldapserver=a/b ldapprefix=c", "a host in ldapserver is not well-formed" },
		{ "ldapserver=a:389 ldapprefix=c", "a host in ldapserver is not well-formed" },
		{ "ldapserver=a ldapcolour=b", "unknown LDAP option" },
		{ "ldapserver", "an LDAP option has no value (name=value)" },
		{ "ldapserver=\"a", "a quote is not closed" },
		{ "ldapurl=http://a/b", "ldapurl does not begin with ldap:// or ldaps://" },
		{ "ldapurl=ldap:a", "ldapurl does not begin with ldap:// or ldaps://" },
		{ "ldapurl=ldap://a:x/b", "ldapport is not a port number" },
		{ "ldapurl=ldap://[::1]x/b", "the host in ldapurl is not well-formed" },
		{ "ldapurl=ldap://a/b%0", "a %XX in ldapurl is not well-formed" },
		{ "ldapurl=ldap://a/b%00c", "a %XX in ldapurl is not well-formed" },
		{ "ldapurl=ldap://a/b%zz", "a %XX in ldapurl is not well-formed" },
		{ "ldapurl=ldap://a/b??all", "the scope in ldapurl is neither base, one nor sub" },
		{ "ldapurl=ldap://a/b????x", "extensions of ldapurl are not supported" },
	};

	for (size_t i = 0; i < COUNT_OF(table); i++)
		CHECK_TEXT_EQ(read_options(table[i].options), table[i].fault);
	done();
}

TEST(no_memory)
{
	unsigned refused = 0;

	WITH_EACH_FAULT(nth)
	{
		const char *answer = read_options("ldapserver=\"a b\" ldapport=1 ldapbasedn=b "
						  "ldapsearchfilter=(x=$username)");

		if (strcmp(answer, "") == 0)
			continue;
		CHECK_TEXT_EQ(answer, "out of memory");
		refused++;
	}
	CHECK(refused >= 5);
	done();
}
