lpm_unit_test(render LINK lpm_state)
lpm_unit_test(headers LINK lpm_api)
lpm_unit_test(router LINK lpm_api)
lpm_unit_test(auth LINK lpm_api)
lpm_unit_test(problem LINK lpm_api)
lpm_unit_test(body LINK lpm_api)
lpm_unit_test(routes SOURCES temp_journal.c LINK lpm_api)
target_link_options(routes_test PRIVATE -Wl,--wrap=clock_now_ms,--wrap=clock_utc_ms,--wrap=clock_is_set)
lpm_unit_test(http SOURCES temp_journal.c LINK lpm_api)
target_link_options(http_test PRIVATE -Wl,--wrap=clock_now_ms,--wrap=clock_poll_ms)
lpm_unit_test(routes_switch SOURCES temp_journal.c LINK lpm_api)
target_link_options(routes_switch_test PRIVATE -Wl,--wrap=clock_now_ms,--wrap=clock_utc_ms,--wrap=clock_is_set)
lpm_unit_script(api_openapi "${CMAKE_SOURCE_DIR}/tests/contract/openapi_test.py")

# Redocly's rules, where scripts/setup found npm.
add_test(NAME unit.api_openapi_lint COMMAND "${CMAKE_SOURCE_DIR}/tests/contract/lint" openapi)
set_tests_properties(unit.api_openapi_lint PROPERTIES LABELS "unit;api" TIMEOUT 120
                                                      SKIP_RETURN_CODE 77)
