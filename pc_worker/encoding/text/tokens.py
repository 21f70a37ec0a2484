"""A model's tokenizer: the token ids of texts, cut to the window, and how many there are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from tokenizers import Tokenizer

from pc_worker.encoding.models.folder import ModelFolder
from pc_worker.encoding.text.batches import TokenIds
from pc_worker.errors import EncodingFailed, ModelUnavailable

# A text's tokens take a hundred times its own memory, so no more of it is looked at than the window
# needs (English: 4 to 5 characters a token), and not all texts at once.
CHARACTERS_PER_TOKEN = 16
TEXTS_AT_ONCE = 64


def load_tokens(folder: ModelFolder) -> Tokens:
    """Load the tokenizer of a model.

    Raises:
        ModelUnavailable: If it is missing or of the old form.
    """
    path = folder.path / "tokenizer.json"
    if not path.is_file():
        raise ModelUnavailable(f"{path} is missing: save the model anew with SentenceTransformer(…).save_pretrained(…)")
    return Tokens(Tokenizer.from_file(str(path)), max_tokens=folder.max_tokens, lower_case=folder.lower_case)


class Tokens:
    """Tokenizer of one model; safe to share between threads."""

    def __init__(self, tokenizer: Tokenizer, *, max_tokens: int, lower_case: bool) -> None:
        # Set once and never again: the tokenizer is shared, and these change it in place.
        tokenizer.no_padding()
        tokenizer.enable_truncation(max_tokens)
        self._tokenizer = tokenizer
        self._lower_case = lower_case
        self._look = max_tokens * CHARACTERS_PER_TOKEN
        self._special = tokenizer.num_special_tokens_to_add(is_pair=False)

    def ids(self, texts: Sequence[str]) -> Iterator[tuple[TokenIds, bool]]:
        """Yield per text its token ids, at most a window, and whether it was cut for that.

        Raises:
            EncodingFailed: If a text is no sequence of Unicode characters.
        """
        for start in range(0, len(texts), TEXTS_AT_ONCE):
            part = texts[start : start + TEXTS_AT_ONCE]
            for text, encoding in zip(part, self._encoded([text[: self._look] for text in part]), strict=True):
                whole = encoding if len(text) <= self._look else self._looked_further(text, encoding)
                yield whole.ids, bool(whole.overflowing)

    def count(self, texts: Sequence[str]) -> list[int]:
        """Give per text the number of its tokens, special ones included, were there no window."""
        return [self._length(encoding) for text in texts for encoding in self._encoded([text])]

    def _looked_further(self, text: str, encoding: Any) -> Any:
        # White space and over-long words take characters without giving tokens.
        look = self._look
        while not encoding.overflowing and look < len(text):
            look *= 2
            (encoding,) = self._encoded([text[:look]])
        return encoding

    def _length(self, encoding: Any) -> int:
        pieces = [encoding, *encoding.overflowing]
        return sum(len(piece.ids) - self._special for piece in pieces) + self._special

    def _encoded(self, texts: Sequence[str]) -> list[Any]:
        lowered = [text.lower() for text in texts] if self._lower_case else texts
        try:
            return self._tokenizer.encode_batch_fast(lowered)
        except TypeError as error:
            raise EncodingFailed(
                "a text holds half a character (a lone surrogate) or is no text: mend it in the source"
            ) from error
