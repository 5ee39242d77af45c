lpm_unit_test(history LINK lpm_operation)
lpm_unit_test(operation LINK lpm_operation)
lpm_unit_test(operations LINK lpm_operation)
target_link_options(operations_test PRIVATE -Wl,--wrap=clock_now_ms,--wrap=clock_utc_ms,--wrap=clock_is_set)
