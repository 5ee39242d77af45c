foreach(module alias topics command aside backoff batch intake quiet reason outbox post scribe messages session tls twin uri)
    lpm_unit_test(mqtt_${module} LINK lpm_mqtt)
endforeach()
lpm_unit_test(mqtt_link SOURCES mqtt_peer.c LINK lpm_mqtt)
set_tests_properties(
    unit.mqtt_link PROPERTIES ENVIRONMENT
                              "LSAN_OPTIONS=suppressions=${CMAKE_SOURCE_DIR}/tests/lsan.supp")
lpm_unit_test(mqtt_telemetry SOURCES temp_journal.c LINK lpm_mqtt)
target_link_options(mqtt_telemetry_test PRIVATE
                    -Wl,--wrap=clock_now_ms,--wrap=clock_utc_ms,--wrap=clock_is_set)
lpm_unit_script(mqtt_asyncapi "${CMAKE_SOURCE_DIR}/tests/contract/asyncapi_test.py")

# AsyncAPI's own parser, where scripts/setup found npm.
add_test(NAME unit.mqtt_asyncapi_lint COMMAND "${CMAKE_SOURCE_DIR}/tests/contract/lint" asyncapi)
set_tests_properties(unit.mqtt_asyncapi_lint PROPERTIES LABELS "unit;mqtt" TIMEOUT 120
                                                        SKIP_RETURN_CODE 77)
