UPDATE ledger_config SET proposal_days = %s
