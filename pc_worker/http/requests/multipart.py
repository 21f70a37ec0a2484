"""The one file of a multipart form, as it comes: nothing of it is kept in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from pc_worker.errors import InvalidRequest

#: Files, of which there must be one, and fields, which are refused; a form may have thousands.
MAX_PARTS = 2
FORM = "multipart/form-data"


def is_form(content_type: str) -> bool:
    """Return whether a body of this type is a multipart form."""
    return content_type.partition(";")[0].strip().lower() == FORM


class FormFile:
    """The file in a form; ``content`` yields its bytes, and ``name`` is known from the first of them on."""

    def __init__(self, content_type: str) -> None:
        boundary = parse_options_header(content_type)[1].get(b"boundary", b"")
        if not 1 <= len(boundary) <= 70:
            raise InvalidRequest("the form has no boundary in its Content-Type")
        self.name: str | None = None
        self._parts, self._complete = 0, False
        self._headers: list[tuple[bytes, bytes]] = []
        self._field, self._value = b"", b""
        self._ready: list[bytes] = []
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin_part,
                "on_header_field": self._header_field,
                "on_header_value": self._header_value,
                "on_header_end": self._end_header,
                "on_headers_finished": self._end_headers,
                "on_part_data": self._data,
                "on_end": self._end,
            },
        )

    async def content(self, body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """Yield the bytes of the file in the form that ``body`` yields.

        Raises:
            InvalidRequest: If the form is broken, or has not exactly one file.
        """
        async for chunk in body:
            try:
                self._parser.write(chunk)
            except FormParserError as exc:
                raise InvalidRequest(f"the form is broken: {exc}") from exc
            while self._ready:
                yield self._ready.pop(0)
        if not self._complete or self._parts != 1:
            raise InvalidRequest("the form is incomplete, or has no file: send exactly one")

    def _begin_part(self) -> None:
        self._parts += 1
        self._headers = []
        if self._parts >= MAX_PARTS:
            raise InvalidRequest("the form has several parts: send one file; options are in the query")

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._field += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _end_header(self) -> None:
        self._headers.append((self._field.lower(), self._value))
        self._field = self._value = b""

    def _end_headers(self) -> None:
        disposition = next((value for name, value in self._headers if name == b"content-disposition"), b"")
        options = parse_options_header(disposition)[1]
        if b"filename" not in options and options.get(b"name") != b"file":
            raise InvalidRequest("the form has a field that is no file: options are in the query")
        self.name = options.get(b"filename", b"").decode("utf-8", "replace")

    def _data(self, data: bytes, start: int, end: int) -> None:
        self._ready.append(data[start:end])

    def _end(self) -> None:
        self._complete = True
