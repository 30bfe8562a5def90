"""Rules for names and other short texts that people read: allowed characters and equality.

One policy for the names of people and agents, event types, reasons and whoever halts.
`events/sql/names.sql` implements the same in `is_text`, `is_name`, `name_fold` and
`imitates_system`; tests compare the two character by character.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

MAX_NAME = 200
MAX_REASON = 2000
RESERVED_TYPES = (
    "sequence.gap_detected",
    "system.chain_broken",
    "system.drift_threshold_set",
    "system.finding_closed",
    "system.fork_detected",
    "system.guards_changed",
    "system.guards_restored",
    "system.halted",
    "system.head_mismatch",
    "system.import_finished",
    "system.import_started",
    "system.key_registered",
    "system.key_retired",
    "system.ledger_opened",
    "system.person_registered",
    "system.rollback_detected",
    "system.stray_row",
    "system.verification_overdue",
)
"""The event types that only the ledger itself records, besides the ceremonies. `imitates_system` in
SQL and docs/http-writing.md have the same list."""
CEREMONIES = "ceremony."
"""Prefix of the ceremonies' event types. All types with it are reserved: check 11 of the event
format treats them as records of ceremonies."""
_FAMILIES = (CEREMONIES, "system.", "sequence.")

UNSEEN = (
    "\x00-\x1f\x7f-\xa0\xad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f\u2000-\u200f"
    "\u2028-\u202f\u205f-\u206f\u2800\u3000\u3164\ud800-\udfff\ufe00-\ufe0f\ufeff\uffa0"
    "\ufff0-\ufffc\ufffe\uffff\U00013430-\U00013442\U00016fe4\U0001bca0-\U0001bca3\U0001d159"
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
"""The body of a character class: controls, blanks other than U+0020, characters that change the
writing direction, and those drawn as nothing (zero-width, tags, variation selectors, fillers,
braille blank). Fixed code points, so that every version of Unicode, Python and PostgreSQL agrees.
"""
_UNSEEN = re.compile(f"[{UNSEEN}]")

_LETTERS = {
    "c": "СсϹϲᴄᏟꮯꓚⲤⲥ𐌂𐐽🝌𑣲𑣩𐊢𐐕𐔜",
    "e": "ЕеЄєҽΕᎬꬲ℮ⴹꓰⲈⲉᴇ⋿𑢦𑢮𐊆ꭼ",
    "m": "МмΜᎷꓟⲘⲙᴍϺϻᗰᛖ𐊰𐌑𑣣ꮇ",
    "n": "ΝηпոռꓠⲚⲛɴ𐔓",
    "o": "ОоΟοՕօᴏⲞⲟჿ0೦൦๐໐०০੦૦୦௦౦၀០ഠဝଠסه٥۵ꓳⵔ𐐄𐐬〇𑓐𑣠ዐ𐓂𑢵𐊒𐊫𐔖ంಂംංᴑꬽσ𐓪𑣈𑣗",
    "q": "Ԛԛգզⵕ",
    "r": "гᴦꭇꭈⲅꮁʀᎡꓣƦ𝈖Ꮢꮢꭱ𐒴ᖇ𖼵",
    "s": "ЅѕꜱՏƽꓢᏚꮪ𐑈𐐠𑣁Ꮥꮥ𖼺𐊖",
    "t": "ТтΤτᴛᎢꓔⲦⲧ⊤⟙🝨𖼊𑢼𐊗𐊱𐌕ꭲ",
    "u": "υսՍᴜꭎꭒሀꓴ⋃∪μ𐓎ᑌ𖽂𑢸ꞟʋ𐓶𑣘",
    "y": "УуҮүΥγʏყꓬỿᎽɣⲨᶌꭚ𑣜Ꭹꭹꮍ𖽃𑢤𐊲",
    ".": "。·‧∙⋅•ꓸ٠۰𐩐܁܂꘎𝅭・᛫⸱⸳॰․．｡˙ꞏᐧ𐄁𐤟ꓺ⡀⠄⦁",
}
"""Characters that look like a letter of `ceremony.`, `system.` and `sequence.`, or like the dot."""
_ENCLOSED = (0x249C, 0x1F110, 0x1F150, 0x1F170, 0x1F1E6)
"""First code points of the alphabets in brackets, black circles, black squares and dotted squares
(which are halves of flags): NFKC leaves them, or their brackets."""
LOOK_ALIKES = {ord(like): letter for letter, alike in _LETTERS.items() for like in alike} | {
    first + ord(letter) - ord("a"): letter
    for first in _ENCLOSED
    for letter in _LETTERS
    if letter != "."
}
_MARKS = re.compile(
    "[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20f0\ufe20-\ufe2f]"
)
"""Marks over, under and through letters. In NFC an accent is one character with its letter; marks
that remain separate are strokes, rings and dots that no writing system has there."""


def wrong_text(text: str, most: int) -> str | None:
    """Return what is wrong with a text that is shown on one line, such as an event type, or None.

    `isprintable` also refuses code points that Unicode has not assigned or leaves to private use.
    """
    if not 1 <= len(text) <= most:
        return f"must have 1 to {most} characters, not {len(text)}"
    if unseen := _UNSEEN.search(text):
        return f"must be printable characters only; U+{ord(unseen.group()):04X} is not printable"
    if not text.isprintable():
        return "must be printable characters only"
    if text != text.strip(" "):
        return "must not begin or end with a space"
    return None


def wrong_reason(text: str) -> str | None:
    """Return what is wrong with a reason, which must be in Unicode's form NFC, or None."""
    return wrong_text(text, MAX_REASON) or _wrong_form(text)


def wrong_name(text: str) -> str | None:
    """Return what is wrong with the name of a person or an agent, or None. Names are NFC, without
    double blanks and without a leading combining mark."""
    if wrong := wrong_text(text, MAX_NAME) or _wrong_form(text):
        return wrong
    if "  " in text:
        return "must not contain two spaces in a row"
    if unicodedata.category(text[0]).startswith("M"):
        return "must not begin with a combining mark"
    return None


def _wrong_form(text: str) -> str | None:
    if unicodedata.is_normalized("NFC", text):
        return None
    return "must be in Unicode's form NFC: a letter and its accent as one character"


def normal(text: str) -> str:
    """Normalise a typed text: form NFC, no blanks at its ends."""
    return unicodedata.normalize("NFC", text).strip(" ")


def shown(text: str, most: int) -> str:
    """Make a generated text, such as a finding, valid as a reason: invisible characters are
    replaced, and it is cut to `most` characters."""
    replaced = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
    replaced = _UNSEEN.sub("\N{REPLACEMENT CHARACTER}", unicodedata.normalize("NFC", replaced))
    return re.sub(" +", " ", replaced)[:most].strip(" ")


def fold(name: str) -> str:
    """The key by which two names count as one person's: NFKD, then lower and upper case, without
    any locale."""
    return unicodedata.normalize("NFKD", name).lower().upper()


@lru_cache(maxsize=4096)
def imitated_type(event_type: str) -> str | None:
    """The reserved type, or prefix of types, that a type equals or looks like; else None.

    Case, width, blanks, other forms of a letter and marks other than accents are ignored, and
    letters of other scripts count as what they look like. Accents count: `séquence.` is another
    word. After `system.` and `sequence.` only ASCII is compared, letter by letter; a type that
    begins so and holds any other character is refused as a whole.
    """
    letters = event_type.replace(" ", "").translate(LOOK_ALIKES)
    latin = unicodedata.normalize("NFKC", letters).translate(LOOK_ALIKES)
    shape = fold(_MARKS.sub("", latin)).replace(" ", "").replace("RN", "M")
    family = next((f for f in _FAMILIES if shape.startswith(f.upper())), None)
    if family is None or family == CEREMONIES or not event_type.isascii():
        return family
    return _RESERVED_SHAPES.get(_shape(event_type))


def _shape(text: str) -> str:
    """An ASCII text in capitals, with look-alike letters unified."""
    return text.replace(" ", "").upper().translate(_ALIKE).replace("RN", "M").replace("VV", "W")


_ALIKE = str.maketrans("01L|", "OIII")
_RESERVED_SHAPES = {_shape(reserved): reserved for reserved in RESERVED_TYPES}


def show(text: str, keep: str = "") -> str:
    r"""The text with invisible characters, and those that change the writing direction, as `\u`
    escapes of JSON; characters in `keep` stay.

    Every text written by others passes through here before it reaches a terminal or a page, so that
    it cannot display as another text than it holds. JSON stays equivalent.
    """
    return _UNSEEN.sub(lambda found: _escaped(found.group(), keep), text)


def _escaped(character: str, keep: str) -> str:
    if character in keep:
        return character
    units = character.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[start : start + 4]}" for start in range(0, len(units), 4))
