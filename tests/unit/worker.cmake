lpm_unit_test(rescue SOURCES "${CMAKE_SOURCE_DIR}/agent/worker/rescue.c" LINK lpm_operation)
