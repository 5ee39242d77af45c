lpm_unit_test(config LINK lpm_config)
lpm_unit_test(config_pending LINK lpm_config)
lpm_unit_test(config_secret LINK lpm_config)

lpm_unit_script(config_schema "${CMAKE_CURRENT_SOURCE_DIR}/config_schema_test.py")
