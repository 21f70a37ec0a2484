"""The few sentences of ours in an answer, in the language of the question, recognised by its script."""

from __future__ import annotations

from pc_worker.services.answers.checks.check import script

NOTHING_FOUND = {
    "HANGUL": "이 도메인에는 질문에 답할 수 있는 내용이 없습니다.",
    "HIRAGANA": "このドメインには、質問に答えられる内容がありません。",
    "KATAKANA": "このドメインには、質問に答えられる内容がありません。",
    "CJK": "该域中没有可以回答此问题的内容。",
    "CYRILLIC": "В этом домене нет сведений для ответа на вопрос.",
}
DEFAULT = "The rows of this domain do not answer the question."


def nothing_found(question: str) -> str:
    """Return the text of a refused answer."""
    return NOTHING_FOUND.get(script(question), DEFAULT)
