lpm_fuzz(sse LINK lpm_ctl)
