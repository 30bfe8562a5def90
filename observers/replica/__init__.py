"""Reading from a streaming replica, and from the primary when the replica cannot serve.

Invariant: what a replica has not replayed yet is never reported as missing.
"""
