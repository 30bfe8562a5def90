"""A portal under mixed load whose processes are killed again and again: `python -m bench.soak`.

It must never touch another portal than the one it starts in a folder of its own.
"""
