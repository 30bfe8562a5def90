SELECT kind, payload FROM open_ceremony(%(ceremony_id)s::uuid)
