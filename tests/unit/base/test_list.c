#include "test.h"

#include "base/list.h"

struct item {
	int number;
	struct list_node node;
};

static int number_of(struct list_node *node)
{
	return CONTAINER_OF(node, struct item, node)->number;
}

TEST(an_empty_list)
{
	struct list list;

	list_init(&list);
	CHECK(list.len == 0 && !list_first(&list) && !list_last(&list));
	LIST_EACH(&list, node)
	FAIL("%p is in an empty list", (void *)node);
}

TEST(order_and_length)
{
	struct list list;
	struct item items[4] = {
		{ .number = 0 }, { .number = 1 }, { .number = 2 }, { .number = 3 }
	};
	int expected = 0;

	list_init(&list);
	list_append(&list, &items[2].node);
	list_append(&list, &items[3].node);
	list_prepend(&list, &items[1].node);
	list_prepend(&list, &items[0].node);
	CHECK_UINT_EQ(list.len, 4);
	CHECK_INT_EQ(number_of(list_first(&list)), 0);
	CHECK_INT_EQ(number_of(list_last(&list)), 3);
	LIST_EACH(&list, node)
	CHECK_INT_EQ(number_of(node), expected++);
	CHECK_INT_EQ(expected, 4);
}

TEST(a_node_knows_whether_it_is_in_a_list)
{
	struct list list;
	struct item item = { 0 };

	list_init(&list);
	CHECK(!list_has(&item.node));
	list_append(&list, &item.node);
	CHECK(list_has(&item.node) && !list_next(&list, &item.node));
	list_remove(&list, &item.node);
	CHECK(!list_has(&item.node) && list.len == 0);
}

TEST(nodes_may_leave_during_a_walk)
{
	struct list list;
	struct item items[10] = { 0 };
	int seen = 0;

	list_init(&list);
	for (int i = 0; i < 10; i++) {
		items[i].number = i;
		list_append(&list, &items[i].node);
	}
	LIST_EACH(&list, node)
	{
		CHECK_INT_EQ(number_of(node), seen++);
		if (number_of(node) % 2 == 0)
			list_remove(&list, node);
	}
	CHECK_INT_EQ(seen, 10);
	CHECK_UINT_EQ(list.len, 5);
	LIST_EACH(&list, node)
	CHECK_INT_EQ(number_of(node) % 2, 1);
}
