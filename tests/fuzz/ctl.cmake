lpm_fuzz(sse LINK lpm_ctl)
lpm_fuzz(redact LINK lpm_ctl)
