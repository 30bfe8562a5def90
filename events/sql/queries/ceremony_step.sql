INSERT INTO ceremonies (ceremony_id, kind, step, person, content)
VALUES (%(ceremony_id)s::uuid, %(kind)s, %(step)s, %(person)s, %(content)s::jsonb)
