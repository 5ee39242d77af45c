lpm_fuzz(tlv LINK lpm_card)
lpm_fuzz(lpm_list LINK lpm_card)
lpm_fuzz(es10c_list LINK lpm_card)
lpm_fuzz(card_answers LINK lpm_card)
