"""Reading from a streaming replica, and from the primary when the replica cannot serve.

It must never let a reader take what a replica has not replayed yet for missing.
"""
