lpm_unit_test(rescue SOURCES "${CMAKE_SOURCE_DIR}/agent/worker/rescue.c" LINK lpm_operation)
lpm_unit_test(memory SOURCES temp_journal.c "${CMAKE_SOURCE_DIR}/agent/worker/memory.c" LINK lpm_operation)
target_link_options(memory_test PRIVATE
                    -Wl,--wrap=clock_now_ms,--wrap=clock_utc_ms,--wrap=clock_is_set,--wrap=clock_boot_id)
