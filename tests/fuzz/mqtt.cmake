lpm_fuzz(intake LINK lpm_mqtt)
