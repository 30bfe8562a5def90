-- Until the transaction ends: to compile a count costs more than a count.
SELECT set_config('jit', 'off', true)
