SELECT witness_id FROM witnesses WHERE until_sequence IS NULL ORDER BY witness_id
