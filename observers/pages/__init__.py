"""The pages of the portal. They must never write to the ledger, nor need JavaScript to be read."""
