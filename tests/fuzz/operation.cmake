lpm_fuzz(store LINK lpm_operation)
lpm_fuzz(intent LINK lpm_operation)
lpm_fuzz(lock LINK lpm_operation)
