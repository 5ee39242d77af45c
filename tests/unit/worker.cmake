lpm_unit_test(rescue SOURCES "${CMAKE_SOURCE_DIR}/agent/worker/rescue.c" LINK lpm_operation)
lpm_unit_test(memory SOURCES temp_journal.c "${CMAKE_SOURCE_DIR}/agent/worker/memory.c" LINK lpm_operation)
target_link_options(memory_test PRIVATE
                    -Wl,--wrap=clock_now_ms,--wrap=clock_utc_ms,--wrap=clock_is_set,--wrap=clock_boot_id)
lpm_unit_test(prober SOURCES "${CMAKE_SOURCE_DIR}/agent/worker/prober.c"
              "${CMAKE_SOURCE_DIR}/agent/worker/counters.c" "${CMAKE_SOURCE_DIR}/agent/switch/probe.c" LINK lpm_config)
lpm_unit_test(recorder SOURCES "${CMAKE_SOURCE_DIR}/agent/worker/recorder.c" LINK lpm_state)
