SELECT register_first_person(%(person)s, %(public_key)s, %(event_id)s::uuid, %(proof)s)
