lpm_unit_test(operation LINK lpm_operation)
lpm_unit_test(letter LINK lpm_operation)
lpm_unit_test(intent LINK lpm_operation)
lpm_unit_test(store LINK lpm_operation)
lpm_unit_test(limits LINK lpm_operation)
lpm_unit_test(lock LINK lpm_operation)
lpm_unit_test(page LINK lpm_operation)
lpm_unit_test(operations SOURCES temp_journal.c LINK lpm_operation)
target_link_options(
    operations_test PRIVATE
    -Wl,--wrap=clock_now_ms,--wrap=clock_utc_ms,--wrap=clock_is_set,--wrap=clock_boot_id,--wrap=journal_write)
lpm_unit_test(journal_clock LINK lpm_operation)
foreach(part journal journal_file)
    lpm_unit_test(${part} LINK lpm_operation)
    target_link_options(
        ${part}_test PRIVATE
        -Wl,--wrap=clock_now_ms,--wrap=clock_utc_ms,--wrap=clock_is_set,--wrap=clock_boot_id)
endforeach()
lpm_unit_test(history LINK lpm_operation)
lpm_unit_test(plan LINK lpm_operation)
lpm_unit_test(plan_gather SOURCES temp_journal.c LINK lpm_operation)
lpm_unit_test(tally LINK lpm_operation)
