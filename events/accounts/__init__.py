"""People and machines that the portal knows: groups, accounts, tokens, second factors."""
