# The modem and the card are the tests' own, so the two sources are built into them.
lpm_unit_test(saga SOURCES "${CMAKE_SOURCE_DIR}/agent/switch/saga.c" LINK lpm_operation)
lpm_unit_test(switch SOURCES "${CMAKE_SOURCE_DIR}/agent/switch/switch.c"
              "${CMAKE_SOURCE_DIR}/agent/switch/saga.c" LINK lpm_operation lpm_state)
target_link_options(switch_test PRIVATE -Wl,--wrap=clock_now_ms,--wrap=clock_utc_ms,--wrap=clock_is_set)
lpm_unit_test(probe SOURCES "${CMAKE_SOURCE_DIR}/agent/switch/probe.c" LINK lpm_config)
