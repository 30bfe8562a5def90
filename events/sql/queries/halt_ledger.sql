SELECT halt_ledger(%(reason)s::text)
