# The modem and the card are the tests' own, so the sources are built into them.
set(switch_dir "${CMAKE_SOURCE_DIR}/agent/switch")
set(switch_sources context.c hook.c leg.c look.c probe.c run.c saga.c switch.c)
list(TRANSFORM switch_sources PREPEND "${switch_dir}/")
list(APPEND switch_sources "${CMAKE_SOURCE_DIR}/agent/modem/at_timeout.c")

lpm_unit_test(saga SOURCES "${switch_dir}/saga.c" LINK lpm_operation)
foreach(part switch switch_resume switch_cut)
    lpm_unit_test(${part} SOURCES switch_world.c switch_row.c temp_journal.c ${switch_sources}
                  LINK lpm_operation lpm_state lpm_config)
    target_link_options(
        ${part}_test PRIVATE
        -Wl,--wrap=clock_now_ms,--wrap=clock_utc_ms,--wrap=clock_is_set,--wrap=clock_boot_id,--wrap=journal_write,--wrap=operations_is_confirmed)
endforeach()
lpm_unit_test(probe SOURCES "${switch_dir}/probe.c" LINK lpm_config)
lpm_unit_test(context SOURCES temp_journal.c "${switch_dir}/context.c" LINK lpm_operation lpm_config)
target_link_options(context_test PRIVATE -Wl,--wrap=journal_put_value)
