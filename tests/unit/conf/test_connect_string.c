#include "test.h"

#include "conf/conf_internal.h"

/* Reads all pairs and compares "key=value|key=value|", ended by "!why" when broken. */
static void expect(const char *text, const char *expected)
{
	struct slice rest = slice_of(text), key;
	struct buffer value = BUFFER_EMPTY, heard = BUFFER_EMPTY;
	const char *why = NULL;
	enum connect_pair pair;

	while ((pair = connect_string_next(&rest, &key, &value, &why)) == CONNECT_PAIR) {
		buffer_append_slice(&heard, key);
		buffer_append_text(&heard, "=");
		buffer_append_slice(&heard, buffer_slice(&value));
		buffer_append_text(&heard, "|");
	}
	if (pair == CONNECT_BROKEN) {
		buffer_append_text(&heard, "!");
		buffer_append_text(&heard, why);
	}
	CHECK_SLICE_EQ(buffer_slice(&heard), slice_of(expected));
	buffer_release(&value);
	buffer_release(&heard);
}

TEST(pairs)
{
	expect("", "");
	expect("  \t ", "");
	expect("host=db port=5432", "host=db|port=5432|");
	expect(" host = db\tport\t=5432  ", "host=db|port=5432|");
	expect("host=a=b", "host=a=b|");
	expect("host=it's", "host=it's|");
}

TEST(quotes)
{
	expect("password='a b' host=x", "password=a b|host=x|");
	expect("password='it''s'", "password=it's|");
	expect("password=''''", "password='|");
	expect("password='a=b \"c\"'", "password=a=b \"c\"|");
	expect("password = 'x\\'", "password=x\\|");
}

TEST(syntax_errors)
{
	expect("host=db port", "host=db|!a key without \"=\" and value");
	expect("host db", "!a key without \"=\" and value");
	expect("=db", "!a \"=\" without a key before it");
	expect("host=", "!a key with an empty value");
	expect("host=''", "!a key with an empty value");
	expect("host='db", "!a single quote is not closed");
	expect("host='db''", "!a single quote is not closed");
	expect("host='db'x", "!no blank after a closing quote");
	/* as in the reference: blanks around "=" make the next word the value */
	expect("host= port=1", "host=port=1|");
}
