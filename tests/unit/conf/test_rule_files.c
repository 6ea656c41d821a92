#include "conf_test.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* A folder with a configuration for auth_type hba. */
struct folder {
	char path[64];
};

static void put(const struct folder *folder, const char *name, const char *text)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", folder->path, name);
	file = fopen(path, "w");
	if (!file || fputs(text, file) < 0 || fclose(file) != 0)
		FAIL("cannot write %s", path);
}

static void drop(const struct folder *folder, const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", folder->path, name);
	unlink(path);
}

static void put_ini(const struct folder *folder, const char *type)
{
	char text[600];

	snprintf(text, sizeof(text),
		 "[pgcarwash]\nlisten_addr=127.0.0.1\nauth_type=%s\nauth_hba_file=%s/rules\n"
		 "auth_ident_file=%s/maps\nauth_file=%s/maps\n[databases]\nd=\n",
		 type, folder->path, folder->path, folder->path);
	put(folder, "ini", text);
}

static void setup(struct folder *folder)
{
	strcpy(folder->path, "/tmp/pgcarwash-rules.XXXXXX");
	if (!mkdtemp(folder->path))
		FAIL("mkdtemp");
	put_ini(folder, "hba");
	put(folder, "rules",
	    "local @one,\"@not\" all md5 # @neither\nlocal all @\"two words\" md5\nlocal @gone x "
	    "md5\n");
	put(folder, "one", "a b @three\n");
	put(folder, "two words", "c @one\n");
	put(folder, "three", "");
	put(folder, "maps", "m a b\n");
}

static void teardown(const struct folder *folder)
{
	static const char *const names[] = { "ini", "rules", "one", "two words", "three", "maps" };

	for (size_t i = 0; i < COUNT_OF(names); i++)
		drop(folder, names[i]);
	rmdir(folder->path);
}

static const struct settings *load(const struct folder *folder, const struct settings *previous,
				   size_t warnings)
{
	struct complaints complaints;
	const struct settings *settings;
	char path[128];

	snprintf(path, sizeof(path), "%s/ini", folder->path);
	complaints_init(&complaints);
	settings = settings_load(path, previous, &complaints);
	if (complaints.count != warnings)
		complaints_show(&complaints);
	CHECK_UINT_EQ(complaints.count, warnings);
	complaints_release(&complaints);
	return settings;
}

static const char *include_text(const struct settings *settings, const char *name)
{
	for (size_t i = 0; i < settings->auth_hba_include_count; i++) {
		const struct text_file *file = &settings->auth_hba_includes[i];

		if (slice_equal(file->name, slice_of(name)))
			return file->text.data ? file->text.data : "(unreadable)";
	}
	return "(not named)";
}

static void check_all(const struct settings *settings)
{
	CHECK_UINT_EQ(settings->auth_hba_include_count, 4);
	CHECK_TEXT_EQ(include_text(settings, "one"), "a b @three\n");
	CHECK_TEXT_EQ(include_text(settings, "two words"), "c @one\n");
	CHECK_TEXT_EQ(include_text(settings, "three"), "");
	CHECK_TEXT_EQ(include_text(settings, "gone"), "(unreadable)");
	CHECK_SLICE_EQ(settings->auth_ident_text, SLICE_LITERAL("m a b\n"));
}

TEST(rules_and_what_they_name_are_read)
{
	struct folder folder;
	const struct settings *settings;

	setup(&folder);
	settings = load(&folder, NULL, 1);
	REQUIRE(settings);
	check_all(settings);
	settings_unref(settings);
	teardown(&folder);
}

TEST(rules_are_not_read_for_another_auth_type)
{
	struct folder folder;
	const struct settings *settings;

	setup(&folder);
	put_ini(&folder, "md5");
	settings = load(&folder, NULL, 0);
	REQUIRE(settings);
	CHECK(!settings->auth_hba_text.data && !settings->auth_ident_text.data);
	CHECK_UINT_EQ(settings->auth_hba_include_count, 0);
	settings_unref(settings);
	teardown(&folder);
}

TEST(rules_that_are_gone_stay_as_they_were)
{
	struct folder folder;
	const struct settings *first, *second;

	setup(&folder);
	first = load(&folder, NULL, 1);
	drop(&folder, "rules");
	drop(&folder, "maps");
	put(&folder, "one", "else");
	second = load(&folder, first, 3);
	settings_unref(first);
	REQUIRE(second);
	check_all(second);
	settings_unref(second);
	second = load(&folder, NULL, 3);
	REQUIRE(second);
	CHECK(!second->auth_hba_text.data && !second->auth_ident_text.data);
	settings_unref(second);
	teardown(&folder);
}

TEST(set_keeps_and_reads_rules)
{
	struct folder folder;
	const struct settings *first, *second, *third;
	struct complaints complaints;

	setup(&folder);
	first = load(&folder, NULL, 1);
	complaints_init(&complaints);
	drop(&folder, "rules");
	second = settings_with(first, SLICE_LITERAL("max_client_conn"), SLICE_LITERAL("7"),
			       &complaints);
	settings_unref(first);
	REQUIRE(second);
	check_all(second);
	put(&folder, "rules", "local all all trust\n");
	third = settings_with(second, SLICE_LITERAL("auth_type"), SLICE_LITERAL("hba"),
			      &complaints);
	settings_unref(second);
	REQUIRE(third);
	CHECK_SLICE_EQ(third->auth_hba_text, SLICE_LITERAL("local all all trust\n"));
	CHECK_UINT_EQ(third->auth_hba_include_count, 0);
	settings_unref(third);
	complaints_release(&complaints);
	teardown(&folder);
}
