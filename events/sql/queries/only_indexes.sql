-- Until the transaction ends: what is looked up is looked up in an index.
SELECT set_config('enable_seqscan', 'off', true), set_config('jit', 'off', true)
