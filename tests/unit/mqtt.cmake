foreach(module topics command backoff quiet reason outbox post scribe messages session twin)
    lpm_unit_test(mqtt_${module} LINK lpm_mqtt)
endforeach()
lpm_unit_test(mqtt_link SOURCES mqtt_peer.c LINK lpm_mqtt)
set_tests_properties(
    unit.mqtt_link PROPERTIES ENVIRONMENT
                              "LSAN_OPTIONS=suppressions=${CMAKE_SOURCE_DIR}/tests/lsan.supp")
