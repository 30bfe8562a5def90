-- For the transaction: compiling a count takes longer than the count.
SELECT set_config('jit', 'off', true)
