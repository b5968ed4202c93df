"""Canonical text: the form in which the engine shows text to a classifier.

The steps and their order are those of the engine (NFKC, deletions, space mapping, NFKC again, collapsing, spaces
before punctuation, trimming). Training and evaluation use the same form, so a model never meets another one.
"""

import re
import unicodedata

_DELETED = {0x00AD, 0x034F, 0x180E, 0xFEFF}
_DELETED |= set(range(0x200B, 0x2010)) | set(range(0x202A, 0x202F)) | set(range(0x2060, 0x2065))
_DELETED |= set(range(0x2066, 0x206A)) | set(range(0xFE00, 0xFE10))
_SPACES = {0x09, 0x0D, 0x0B, 0x0C, 0x85, 0x2028, 0x2029}


def _map_character(ch: str) -> str:
    code = ord(ch)
    if ch == "\n":
        return ch
    if code in _DELETED:
        return ""
    category = unicodedata.category(ch)
    if code in _SPACES or category == "Zs":
        return " "
    return "" if category in ("Cc", "Cf") else ch


def canonical(text: str) -> str:
    """Returns the canonical form of `text`; applying it twice changes nothing."""
    text = unicodedata.normalize("NFKC", text)
    text = "".join(map(_map_character, text))
    text = unicodedata.normalize("NFKC", text)
    text = re.sub(r" +", " ", text)
    text = re.sub(r" ?\n ?", "\n", text)
    text = re.sub(r" +([,.;:!?%)\]}])", r"\1", text)
    text = re.sub(r"\n{3,}", "\n\n", text)
    return text.strip(" \n")
