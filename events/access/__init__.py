"""Who comes from where, how often, and what he looked at: addresses, limits, the access log.

It must never look into an event.
"""
