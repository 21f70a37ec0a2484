"""Text as a reader sees it: without invisible characters, markup, and letters of other scripts that look the same."""

from __future__ import annotations

import html
import re
import unicodedata

#: Letters of Cyrillic and Greek, and signs, that look like Latin ones.
LOOKALIKES = str.maketrans(
    "АВЕЅІЈКМНОРСТХУаеоԁѕіјрсухһӏɡΑΒΕΖΗΙΚΜΝΟΡΤΥΧαοιρνκτυɑıⅼ",
    "ABESIJKMHOPCTXYaeodsijpcyxhlgABEZHIKMNOPTYXaoipvktuail",
)
DIGITS = str.maketrans("013457@$", "oieastas")
TAG = re.compile(r"<[!/]?[a-zA-Z-][^<>]{0,200}>|<!--|-->")
MARKUP = re.compile(r"[*_~`]+|\\(?=\W)")
SPACED = re.compile(r"\b(?:[^\W\d_] ){3,}[^\W\d_]\b")
MIXED = re.compile(r"\b(?=\w*[^\W\d_])(?=\w*[\d@$])[\w@$]{4,}\b")
#: What an ASCII text has if its other forms may differ from it.
DISGUISED = re.compile(r"[<*_~`\\&\n\t\r\d@$]|  |\b\w \w \w ")
SPACE = re.compile(r"\s+")


def disguised_forms(text: str) -> set[str]:
    """Return the text in the forms in which instructions are looked for: as it is, and as it appears to a reader."""
    plain = unicodedata.normalize("NFKC", text)
    if plain.isascii() and not DISGUISED.search(plain):
        return {plain}
    seen = _without_marks(html.unescape(plain)) if not plain.isascii() or "&" in plain else plain
    seen = MARKUP.sub("", TAG.sub("", seen))
    seen = SPACE.sub(" ", SPACED.sub(lambda word: word.group().replace(" ", ""), seen.replace("  ", " \n ")))
    latin = seen.translate(LOOKALIKES)
    return {plain, seen, latin, MIXED.sub(lambda word: word.group().translate(DIGITS), latin)}


def _without_marks(text: str) -> str:
    """Return the text without characters that have no width, and without accents."""
    parts = unicodedata.normalize("NFKD", text)
    bare = "".join(char for char in parts if unicodedata.category(char) not in ("Cf", "Mn"))
    return unicodedata.normalize("NFC", bare)
