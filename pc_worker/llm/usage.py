"""The tokens of a conversation with a model: those that it reports, if they are plausible, else an estimate."""

from __future__ import annotations

from dataclasses import dataclass

#: Characters of a token in languages with an alphabet.
CHARACTERS = 4
#: What a request holds in addition to our texts: roles, tools, a template.
OVERHEAD_TOKENS = 2_000


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens; ``estimated`` = the server reported none, or impossible ones."""

    input_tokens: int = 0
    output_tokens: int = 0
    estimated: bool = False

    def __add__(self, other: Usage) -> Usage:
        """Return the sum of both."""
        return Usage(
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.estimated or other.estimated,
        )


def estimated_tokens(text: str) -> int:
    """Return about how many tokens a text has: a quarter of its ASCII characters, and each other character.

    >>> estimated_tokens("four"), estimated_tokens("네")
    (1, 1)
    """
    ascii_characters = sum(char.isascii() for char in text)
    return -(-ascii_characters // CHARACTERS) + len(text) - ascii_characters


def plausible(
    reported: Usage, *, sent: str, received: str, requests: int, most_output: int, is_whole: bool = True
) -> Usage:
    """Return the reported usage if it is possible for these texts, else an estimate.

    A token has at least one byte, so a prompt has no more tokens than bytes. Reasoning and calls of tools are output
    too, so the bound of the output is that of the request. Of a reply that is not whole, the output is reported late.
    """
    rounds, written = max(1, requests), estimated_tokens(received)
    most_input = rounds * (len(sent.encode()) + OVERHEAD_TOKENS) + rounds * rounds * most_output
    possible = 0 < reported.input_tokens <= most_input and 0 <= reported.output_tokens <= rounds * most_output
    if possible and not is_whole and reported.output_tokens < written:
        return Usage(reported.input_tokens, written, estimated=True)
    if possible and (reported.output_tokens or not received):
        return reported
    return Usage(rounds * estimated_tokens(sent), written, estimated=True)
