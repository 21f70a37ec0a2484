"""A model's tokenizer: token ids of texts, cut to the window, and their number."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from pc_worker.encoding.models.folder import ModelFolder
from pc_worker.encoding.text.batches import TokenIds
from pc_worker.encoding.text.readable import readable_share
from pc_worker.errors import EncodingFailed, ModelUnavailable

# The tokens of a text need a hundred times its memory, so no more of it is tokenized than the window
# needs (English: 4 to 5 characters a token), and not all texts at once.
CHARACTERS_PER_TOKEN = 16
TEXTS_AT_ONCE = 64
#: Enough of a text to know its scripts.
JUDGED_CHARS = 500
FILE = "tokenizer.json"


def load_tokens(folder: ModelFolder, *, saved: Path | None = None) -> Tokens:
    """Load the tokenizer of a model.

    Args:
        folder: The model.
        saved: A file that replaces the model's own where it exists.

    Raises:
        ModelUnavailable: If it is missing or of the old format.
    """
    path = saved if saved is not None and saved.is_file() else folder.tokens / FILE
    if not path.is_file():
        raise ModelUnavailable(f"{path} is missing: save the model with SentenceTransformer(…).save_pretrained(…)")
    return Tokens(Tokenizer.from_file(str(path)), folder)


class Tokens:
    """Tokenizer of one model; safe to share between threads."""

    def __init__(self, tokenizer: Tokenizer, folder: ModelFolder) -> None:
        # Set once: the tokenizer is shared, and these calls change it in place.
        tokenizer.no_padding()
        tokenizer.enable_truncation(folder.max_tokens)
        self._tokenizer = tokenizer
        self._lower_case, self._add_special = folder.lower_case, folder.special_tokens
        self._most_chars = folder.max_tokens * CHARACTERS_PER_TOKEN
        self._special = tokenizer.num_special_tokens_to_add(is_pair=False) if folder.special_tokens else 0

    def prompt_tokens(self, prompt: str) -> int:
        """Return how many tokens at the start of a text with ``prompt`` belong to it."""
        if not prompt:
            return 0
        (encoding,) = self._encoded([prompt])
        special = {number for number, token in self._tokenizer.get_added_tokens_decoder().items() if token.special}
        return len(encoding.ids) - (bool(encoding.ids) and encoding.ids[-1] in special)

    def readable_share(self, text: str) -> float:
        """Return the share of a text's letters that the model can read, judged by the beginning of a long text."""
        start = text.lower() if self._lower_case else text
        encoding = self._tokenizer.encode(start[:JUDGED_CHARS], add_special_tokens=False)
        model = self._tokenizer.model
        unknown = {getattr(model, "unk_id", None), self._tokenizer.token_to_id(getattr(model, "unk_token", None) or "")}
        spans = zip(encoding.ids, encoding.offsets, strict=True)
        whole = start[: max((end for _, end in encoding.offsets), default=0)]
        return readable_share(whole, [span for number, span in spans if number not in unknown])

    def ids(self, texts: Sequence[str]) -> Iterator[tuple[TokenIds, bool]]:
        """Yield per text its token ids, at most a window, and whether it was cut for that.

        Raises:
            EncodingFailed: If a text is not valid Unicode.
        """
        for start in range(0, len(texts), TEXTS_AT_ONCE):
            part = texts[start : start + TEXTS_AT_ONCE]
            for text, encoding in zip(part, self._encoded([text[: self._most_chars] for text in part]), strict=True):
                whole = encoding if len(text) <= self._most_chars else self._with_more_characters(text, encoding)
                yield whole.ids, bool(whole.overflowing)

    def count(self, texts: Sequence[str]) -> list[int]:
        """Return the number of tokens of each text, with special ones, without the window's limit."""
        return [self._length(encoding) for text in texts for encoding in self._encoded([text])]

    def _with_more_characters(self, text: str, encoding: Any) -> Any:
        # White space and over-long words have characters but few tokens.
        most = self._most_chars
        while not encoding.overflowing and most < len(text):
            most *= 2
            (encoding,) = self._encoded([text[:most]])
        return encoding

    def _length(self, encoding: Any) -> int:
        parts = [encoding, *encoding.overflowing]
        return sum(len(part.ids) - self._special for part in parts) + self._special

    def _encoded(self, texts: Sequence[str]) -> list[Any]:
        lowered = [text.lower() for text in texts] if self._lower_case else texts
        try:
            return self._tokenizer.encode_batch_fast(lowered, add_special_tokens=self._add_special)
        except TypeError as error:
            raise EncodingFailed(
                "a text holds half a character (a lone surrogate) or is no text: fix it in the source"
            ) from error
