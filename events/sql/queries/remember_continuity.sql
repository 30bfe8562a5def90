SELECT remember_continuity(%(round_seconds)s::double precision, %(at_most_seconds)s::double precision)
