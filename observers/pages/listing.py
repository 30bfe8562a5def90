"""Forms and addresses shared by the pages that list something.

The address holds all of a list's state. Places in a list are keyset positions (`after`, `before`),
not offsets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar
from urllib.parse import urlencode

from django import forms
from django.forms.utils import ErrorList
from django.http import QueryDict, StreamingHttpResponse

from observers.filters.kinds import Filter, Filters

T = TypeVar("T")


def page_address(chosen: Mapping[str, str | Sequence[str]], **place: object) -> str:
    """The query of the same list at another place; a place of None is left out."""
    kept = {name: value for name, value in chosen.items() if name not in ("after", "before")}
    kept |= {name: str(value) for name, value in place.items() if value is not None}
    return "?" + urlencode(kept, doseq=True)


@dataclass(frozen=True, slots=True)
class ListPage(Generic[T]):
    """A page of a list, newest first, and the addresses of the pages around it."""

    lines: list[T]
    newer: str | None
    older: str | None
    newest: str | None


def turn_page(
    found: list[T],
    size: int,
    *,
    after: int | None,
    before: int | None,
    key: Callable[[T], int],
    here: Mapping[str, str | Sequence[str]],
) -> ListPage[T]:
    """Makes a page of up to `size` + 1 lines that were fetched: those after `after`, oldest first,
    or those before `before`, newest first. `here` is the list's address without a place."""
    more, lines = len(found) > size, found[:size]
    if after is not None:
        lines.reverse()
        has_newer, has_older = more, True
    else:
        has_newer, has_older = before is not None, more
    first, last = (key(lines[0]), key(lines[-1])) if lines else (before, after)
    return ListPage(
        lines,
        newer=page_address(here, after=first) if has_newer and first is not None else None,
        older=page_address(here, before=last) if has_older and last is not None else None,
        newest=page_address(here) if has_newer else None,
    )


def download(pieces: Iterable[bytes], media_type: str, name: str) -> StreamingHttpResponse:
    """Streams a file that no cache may store."""
    answer = StreamingHttpResponse(pieces, content_type=media_type)
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    answer["Cache-Control"] = "private, no-store"
    return answer


DIALECTS = [("", "machine"), ("machine", "machine"), ("spreadsheet", "spreadsheet")]
"""CSV dialects: unaltered values, or values safe and short enough for a spreadsheet."""


class AddressForm(forms.Form):
    """A form whose state is the address."""

    use_required_attribute = False

    def __init__(self, query: QueryDict) -> None:
        super().__init__(query, auto_id="id_%s", error_class=ErrorList)
        self.query = query

    def given(self, name: str) -> list[str]:
        """The values of a parameter that are not blank."""
        return [text for each in self.query.getlist(name) if (text := each.strip())]

    @property
    def chosen(self) -> dict[str, str]:
        """The fields set in the address, for links to other pages of the same list."""
        return {
            name: value for name in self.fields if (value := str(self.data.get(name, "")).strip())
        }


class FilterForm(AddressForm):
    """A form of filters, each as it is defined; subclasses add the place and the looks of the list.

    `kept` names the fields beside the filters that links to other places keep.
    """

    defined: ClassVar[Filters]
    kept: ClassVar[tuple[str, ...]] = ()

    def __init__(self, query: QueryDict) -> None:
        super().__init__(query)
        self.fields = {each.name: each.form_field() for each in self._filters} | self.fields

    @property
    def sections(self) -> dict[str, list[forms.BoundField]]:
        """The fields of the filters by their part of the form."""
        found: dict[str, list[forms.BoundField]] = {}
        for each in self._filters:
            found.setdefault(each.section, []).append(self[each.name])
        return found

    @property
    def filters(self) -> dict[str, list[str]]:
        """The filters as they stand in the address."""
        return {each.name: texts for each in self._filters if (texts := self.given(each.name))}

    @property
    def view(self) -> dict[str, list[str]]:
        """The other fields that links keep, as they stand in the address."""
        return {name: texts for name in self.kept if (texts := self.given(name))}

    @property
    def here(self) -> dict[str, list[str]]:
        """The address of the list without a place in it."""
        return self.view | self.filters

    @property
    def narrows(self) -> bool:
        """True when a filter is set."""
        return bool(self.filters)

    @property
    def values(self) -> dict[str, Any]:
        """The checked values of the filters by name; None where not set."""
        return {each.name: self.cleaned_data[each.name] for each in self._filters}

    @property
    def _filters(self) -> list[Filter]:
        return [each for each in self.defined if each.label]
