SELECT retire_witness(%(witness_id)s)
