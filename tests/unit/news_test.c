#include "api/news.h"

#include "tests/test.h"

static void post_operation(struct news *news, int64_t rev)
{
    news_post_operation(news, &(struct operation){ .rev = rev });
}

static void assert_next(struct news *news, enum news_kind kind, int64_t rev)
{
    struct news_item item;

    assert_true(news_take(news, &item));
    assert_int_equal(item.kind, kind);
    assert_int_equal(item.op.rev, rev);
}

static void assert_nothing(struct news *news)
{
    struct news_item item;

    assert_false(news_take(news, &item));
}

static void in_order(void **state)
{
    struct news *news = news_new();

    (void)state;
    assert_nothing(news);
    news_post(news, NEWS_HEALTH);
    news_post(news, NEWS_CONNECTIVITY);
    post_operation(news, 1);
    post_operation(news, 2);
    news_post(news, NEWS_HEALTH);
    assert_next(news, NEWS_OPERATION, 1);
    post_operation(news, 3);
    assert_next(news, NEWS_OPERATION, 2);
    assert_next(news, NEWS_OPERATION, 3);
    assert_next(news, NEWS_CONNECTIVITY, 0);
    assert_next(news, NEWS_HEALTH, 0);
    assert_nothing(news);
    post_operation(news, 4);
    news_free(news);
    news_free(NULL);
}

static void who_changed_the_list(void **state)
{
    struct news *news = news_new();
    struct news_item item;

    (void)state;
    news_post_profiles(news, "start");
    news_post_profiles(news, "operation");
    assert_true(news_take(news, &item));
    assert_int_equal(item.kind, NEWS_PROFILES);
    assert_string_equal(item.by, "operation");
    assert_nothing(news);
    news_free(news);
}

static void more_than_it_holds(void **state)
{
    struct news *news = news_new();

    (void)state;
    for (int i = 1; i <= NEWS_OPERATIONS_MAX; i++)
        post_operation(news, i);
    post_operation(news, 1000);
    post_operation(news, 1001);
    assert_next(news, NEWS_LOST, 0);
    assert_next(news, NEWS_OPERATION, 1000);
    assert_next(news, NEWS_OPERATION, 1001);
    assert_nothing(news);
    news_free(news);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_order),
        cmocka_unit_test(who_changed_the_list),
        cmocka_unit_test(more_than_it_holds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
