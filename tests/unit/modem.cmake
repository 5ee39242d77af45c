lpm_unit_test(at_line SOURCES vectors.c LINK lpm_modem)
lpm_unit_test(at_sim SOURCES vectors.c LINK lpm_modem)
lpm_unit_test(at_network SOURCES vectors.c LINK lpm_modem)
