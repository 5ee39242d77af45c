lpm_unit_test(mqtt_link SOURCES mqtt_peer.c LINK lpm_mqtt)
