lpm_fuzz(journal_texts LINK lpm_operation)
