"""People and machines that the portal knows: groups, accounts, tokens, second factors.

It must never decide what the ledger holds, only who may ask.
"""
