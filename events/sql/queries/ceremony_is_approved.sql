SELECT ceremony_is_approved(%(ceremony_id)s::uuid)
