#ifndef BASE_LIST_H
#define BASE_LIST_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * An intrusive doubly linked list that knows its length. A node is in one list at
 * a time and knows when it is in none (next == NULL), so leaving twice is found.
 */

struct list_node {
	struct list_node *prev, *next; /* both NULL: in no list */
};

struct list {
	struct list_node head; /* next = first, prev = last */
	unsigned         len;
};

#define CONTAINER_OF(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))

static inline void list_init(struct list *list)
{
	list->head.prev = list->head.next = &list->head;
	list->len = 0;
}

static inline bool list_has(const struct list_node *node)
{
	return node->next != NULL;
}

static inline void list_insert_between(struct list *list, struct list_node *node,
                                       struct list_node *prev, struct list_node *next)
{
	assert(!list_has(node));
	node->prev = prev;
	node->next = next;
	prev->next = node;
	next->prev = node;
	list->len++;
}

static inline void list_append(struct list *list, struct list_node *node)
{
	list_insert_between(list, node, list->head.prev, &list->head);
}

static inline void list_prepend(struct list *list, struct list_node *node)
{
	list_insert_between(list, node, &list->head, list->head.next);
}

static inline void list_remove(struct list *list, struct list_node *node)
{
	assert(list_has(node) && list->len > 0);
	node->prev->next = node->next;
	node->next->prev = node->prev;
	node->prev = node->next = NULL;
	list->len--;
}

/* First or last node, NULL when empty. */
static inline struct list_node *list_first(const struct list *list)
{
	return list->len ? list->head.next : NULL;
}

static inline struct list_node *list_last(const struct list *list)
{
	return list->len ? list->head.prev : NULL;
}

/* The node after this one in list, NULL at the end. */
static inline struct list_node *list_next(const struct list *list, const struct list_node *node)
{
	return node->next == &list->head ? NULL : node->next;
}

/* Walks list; the current node may be removed inside the body. */
#define LIST_EACH(list, node)                                                                      \
	for (struct list_node *node = list_first(list),                                            \
	                      *node##_next_ = node ? list_next(list, node) : NULL;                 \
	     node; node = node##_next_, node##_next_ = node ? list_next(list, node) : NULL)

#endif
