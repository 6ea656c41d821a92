#include "test.h"

#include "base/slab.h"

struct thing {
	char name[40];
	int number;
};

TEST(objects_are_zero_and_apart)
{
	struct slab *slab = slab_new("things", sizeof(struct thing));
	struct thing *things[500];

	REQUIRE(slab);
	for (int i = 0; i < 500; i++) {
		things[i] = slab_take(slab);
		REQUIRE(things[i]);
		CHECK(things[i]->number == 0 && things[i]->name[39] == 0);
		CHECK_UINT_EQ((uintptr_t)things[i] % _Alignof(max_align_t), 0);
		memset(things[i], 0xff, sizeof(struct thing));
		things[i]->number = i;
	}
	for (int i = 0; i < 500; i++) {
		CHECK_INT_EQ(things[i]->number, i);
		slab_put(slab, things[i]);
	}
	things[0] = slab_take(slab);
	REQUIRE(things[0]);
	CHECK(things[0]->number == 0 && things[0]->name[0] == 0);
	slab_put(slab, things[0]);
	slab_put(slab, NULL);
	slab_free(slab);
	slab_free(NULL);
}

TEST(used_objects_are_counted)
{
	struct slab *slab = slab_new("things", sizeof(struct thing));
	struct slab_count count;
	void *a, *b;

	REQUIRE(slab);
	slab_count(slab, &count);
	CHECK_TEXT_EQ(count.name, "things");
	CHECK_UINT_EQ(count.object_size, sizeof(struct thing));
	CHECK_UINT_EQ(count.bytes, 0);
	a = slab_take(slab);
	b = slab_take(slab);
	slab_count(slab, &count);
	CHECK_UINT_EQ(count.used, 2);
	CHECK(count.bytes >= 2 * sizeof(struct thing));
	slab_put(slab, a);
	slab_count(slab, &count);
	CHECK_UINT_EQ(count.used, 1);
	slab_put(slab, b);
	slab_free(slab);
}

TEST(memory_does_not_grow_with_use)
{
	struct slab *slab = slab_new("things", sizeof(struct thing));
	size_t bytes;

	REQUIRE(slab);
	slab_put(slab, slab_take(slab));
	bytes = mem_bytes_in_use();
	for (int i = 0; i < 100000; i++)
		slab_put(slab, slab_take(slab));
	CHECK_UINT_EQ(mem_bytes_in_use(), bytes);
	slab_free(slab);
}

TEST(objects_larger_than_a_chunk)
{
	struct slab *slab = slab_new("pages", 100000);
	char *a, *b;

	REQUIRE(slab);
	a = slab_take(slab);
	b = slab_take(slab);
	REQUIRE(a && b);
	memset(a, 1, 100000);
	memset(b, 2, 100000);
	CHECK(a[99999] == 1 && b[0] == 2);
	slab_put(slab, a);
	slab_put(slab, b);
	slab_free(slab);
}

TEST(all_slabs_can_be_walked)
{
	struct slab *a, *b, *c;

	CHECK(!slab_after(NULL));
	a = slab_new("a", 8);
	b = slab_new("b", 8);
	c = slab_new("c", 8);
	CHECK(slab_after(NULL) == a);
	CHECK(slab_after(a) == b);
	CHECK(slab_after(b) == c);
	CHECK(!slab_after(c));
	slab_free(b);
	CHECK(slab_after(a) == c);
	slab_free(a);
	slab_free(c);
	CHECK(!slab_after(NULL));
}

TEST(a_take_without_memory_gives_null)
{
	WITH_EACH_FAULT(nth)
	{
		struct slab *slab = slab_new("things", sizeof(struct thing));
		void *things[3];
		int taken = 0;

		for (int i = 0; slab && i < 3; i++) {
			things[i] = slab_take(slab);
			taken += things[i] != NULL;
		}
		CHECK_INT_EQ(taken, !slab ? 0 : mem_fault_hit() ? 2 : 3);
		for (int i = 0; slab && i < 3; i++)
			slab_put(slab, things[i]);
		slab_free(slab);
	}
}
