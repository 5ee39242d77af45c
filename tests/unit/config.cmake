lpm_unit_test(config LINK lpm_config)
lpm_unit_test(config_pending LINK lpm_config)
lpm_unit_test(config_secret LINK lpm_config)

find_package(Python3 COMPONENTS Interpreter)
if(Python3_FOUND)
    add_test(NAME unit.config_schema
             COMMAND Python3::Interpreter "${CMAKE_CURRENT_SOURCE_DIR}/config_schema_test.py")
    set_tests_properties(unit.config_schema PROPERTIES LABELS "unit;config" TIMEOUT 120 SKIP_RETURN_CODE 77)
endif()
