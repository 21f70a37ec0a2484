"""What a user may say about how a file is read."""

from __future__ import annotations

import codecs
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

#: Encodings of tables by the name that Python's codec has. Others, such as ``unicode_escape``, are no text of a table.
ENCODINGS = (
    "utf-8", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp949", "euc_kr", "johab", "shift_jis", "cp932", "euc_jp",
    "gb18030", "gbk", "gb2312", "big5", "cp950", "iso8859-1", "cp1252", "iso8859-15", "iso8859-2", "cp1250", "cp1251",
    "koi8-r", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "cp1258", "cp874", "tis-620", "mac-roman", "ascii",
)  # fmt: skip
_DELIMITERS = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadOptions:
    """What is specified about a file instead of being found out; formats that have no use for one leave it alone.

    Attributes:
        delimiter: The character between the cells of a text table.
        encoding: The encoding of a text table.
        sheet: Name or number, from 1, of a workbook's sheet; None = the first.

    Raises:
        ValueError: If a value is impossible for any file; says what is possible.
    """

    delimiter: str | None = None
    encoding: str | None = None
    sheet: str | None = None

    def __post_init__(self) -> None:
        if self.delimiter is not None:
            object.__setattr__(self, "delimiter", _delimiter(self.delimiter))
        if self.encoding is not None:
            object.__setattr__(self, "encoding", _encoding(self.encoding))
        if self.sheet is not None and not self.sheet.strip():
            raise ValueError("the sheet must be a name or a number from 1, not empty")

    def to_dict(self) -> dict[str, Any]:
        """Return the options as JSON values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Return the options from what ``to_dict`` returned; absent keys are as if the user had not given them."""
        return cls(**{name: values.get(name) for name in ("delimiter", "encoding", "sheet")})


def _delimiter(value: str) -> str:
    found = _DELIMITERS.get(value.lower(), value)
    if len(found) != 1 or not found.isascii() or found in '"\r\n\0' or found.isalnum():
        raise ValueError(f"the delimiter must be one ASCII character that is no letter, digit or quote, not {value!r}")
    return found


def _encoding(value: str) -> str:
    try:
        name = codecs.lookup(value).name
    except (LookupError, ValueError):
        name = ""
    if name not in ENCODINGS:
        raise ValueError(f"the encoding {value!r} is not known; known are {', '.join(ENCODINGS)}")
    return name
