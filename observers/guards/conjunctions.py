"""One form for the checks that PostgreSQL words in two ways: `(a AND b) AND c` becomes
`a AND b AND c` when a database was dumped and restored, and says the same.

It must never make equal what is not: nothing but conjunctions inside conjunctions is touched.
"""

from __future__ import annotations

import re

_TOKEN = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|[()]|[^'"()]+|.""", re.DOTALL)
AND = " AND "

Tree = list["str | Tree"]


def flattened(check: str) -> str:
    """The check with the groups of a conjunction that are conjunctions themselves opened.

    PostgreSQL puts each operand in parentheses, so a conjunction is groups with AND between them.
    What does not look like that, or has no pairs of parentheses, stays as it is.
    """
    tree = _parse(check)
    return check if tree is None else _print(tree)


def _parse(text: str) -> Tree | None:
    open_groups: list[Tree] = [[]]
    for piece in _TOKEN.findall(text):
        if piece == "(":
            open_groups.append([])
        elif piece == ")":
            if len(open_groups) == 1:
                return None
            group = open_groups.pop()
            open_groups[-1].append(_opened(group) if _is_conjunction(group) else group)
        else:
            open_groups[-1].append(piece)
    return open_groups[0] if len(open_groups) == 1 else None


def _is_conjunction(group: Tree) -> bool:
    """Groups at the even places, AND at the odd ones."""
    return len(group) >= 3 and all(
        part == AND if place % 2 else isinstance(part, list) for place, part in enumerate(group)
    )


def _opened(group: Tree) -> Tree:
    opened: Tree = []
    for part in group:
        opened += part if isinstance(part, list) and _is_conjunction(part) else [part]
    return opened


def _print(tree: Tree) -> str:
    return "".join(part if isinstance(part, str) else f"({_print(part)})" for part in tree)
