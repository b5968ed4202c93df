"""The sentences of a text, as the engine cuts them for a guard that judges them by themselves."""

import re

from batches import windows

LEAST, MOST = 3, 48  # tokens of a piece
WHOLE = {"jailbreak"}  # labels for which no sentence counts by itself: a jailbreak is the frame of a whole text
# A mark that ends a sentence, with closing quotes and brackets behind it, before white space; a full stop of Chinese or Japanese; a new line.
_END = re.compile("[.!?\u2026\u061f\u06d4\u0964\u0965]+[\"'\u2019\u201d\u00bb)\\]]*(?=\\s)|[!?]+(?=[^\x00-\x7f])|[\u3002\uff01\uff1f\uff0e\uff61]|\n")


def ends(text: str) -> list[int]:
    """Where sentences end, in characters; the last is the end of the text."""
    return [m.end() for m in _END.finditer(text)] + [len(text)]


def pieces(text: str, offsets: list[tuple[int, int]], most: int = MOST) -> list[tuple[int, int]]:
    """[start, end) in tokens: sentences of at least LEAST tokens, shorter ones with what follows; windows of `most` over longer ones. Empty
    if the text is one piece. `offsets`: of the tokens, in characters of `text`."""
    whole, start, at = [], 0, 0
    for end in ends(text):
        while at < len(offsets) and offsets[at][0] < end:
            at += 1
        if at - start >= LEAST:
            whole.append((start, at))
            start = at
    if start < len(offsets):
        whole.append((start, len(offsets)))
    out = [(a + s, a + e) for a, b in whole for s, e in windows(b - a, most, most // 2)]
    return out if len(out) > 1 else []
