foreach(module topics command backoff quiet reason outbox messages session twin)
    lpm_unit_test(mqtt_${module} LINK lpm_mqtt)
endforeach()
lpm_unit_test(mqtt_link SOURCES mqtt_peer.c LINK lpm_mqtt)
