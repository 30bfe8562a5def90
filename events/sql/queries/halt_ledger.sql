SELECT halt_ledger(%(reason)s, %(by)s, %(event_id)s::uuid, %(because)s)
