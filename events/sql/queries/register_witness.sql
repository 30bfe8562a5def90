SELECT register_witness(%(witness_id)s, %(public_key)s)
