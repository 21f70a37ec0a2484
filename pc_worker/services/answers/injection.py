"""Text in rows that speaks to the model instead of the reader: it is not shown to the model and supports no statement.

This is the second line of defence. The first is that passages are fenced as data, and the last that an answer without
support in its passages is not given, even if the model was made to write it.
"""

from __future__ import annotations

import re
import unicodedata

from pc_worker.encoding.text.sentences import sentences

#: What replaces a sentence that was left out.
LEFT_OUT = "(…)"

_RULES = r"(?:instructions?|prompts?|rules?|directions?|guidelines?|context|messages?|commands?)"
_PATTERNS = (
    rf"(?:ignore|disregard|forget|override|bypass|skip|do not follow|don't follow)\b.{{0,60}}\b{_RULES}",
    rf"\b(?:new|updated|real|actual|secret|hidden)\s+{_RULES}\s*(?::|are|is)",
    r"\b(?:system|developer|hidden|initial)\s*(?:prompt|message|instructions?)\b",
    r"\byou\s+are\s+(?:now|no longer)\b|\bfrom\s+now\s+on\b.{0,40}\byou\b|\bpretend\s+(?:to\s+be|that\s+you)\b",
    r"\b(?:you|please|now)\b.{0,30}\bact\s+as\b|^\s*act\s+as\b",
    r"\b(?:jailbreak|developer mode|DAN mode|do anything now)\b",
    r"\b(?:respond|reply|answer|output|print|write|say|repeat|return)\b.{0,30}"
    r"\b(?:only|exactly|nothing but|just|verbatim)\b.{0,40}(?:[\"'“‘:]|\bthe word\b)",
    r"\b(?:respond|reply|answer)\s+(?:only\s+)?with\b.{0,10}[\"'“‘]",
    r"\b(?:reveal|leak|exfiltrate)\b.{0,40}\b(?:prompt|instructions?|api[ _-]?key|password|secrets?|token)\b",
    r"\b(?:repeat|show|print|send)\b.{0,20}\b(?:your|the system|all)\b.{0,20}\b(?:prompt|instructions?|secrets?)\b",
    r"\b(?:AI|assistant|language model|LLM|chatbot|GPT|Claude)\b\s*[:,]\s*"
    r"(?:ignore|you|please|do|always|never|now|say|write)",
    r"\b(?:when|if)\s+(?:you\s+are\s+)?(?:asked|summari[sz]ing|you\s+(?:read|see|summari[sz]e|answer))\b.{0,80}"
    r"\b(?:say|answer|respond|reply|write|output|include)\b",
    r"\b(?:always|must)\s+(?:say|answer|respond|reply|cite|recommend|include)\b.{0,60}[\"'“‘:]",
    r"(?:이전|위의?|앞의|기존|모든)\s*(?:모든\s*)?(?:지시|명령|규칙|지침|프롬프트).{0,20}(?:무시|잊|따르지)",
    r"(?:시스템\s*프롬프트|개발자\s*모드)|(?:지금부터|이제부터)\s*(?:너는|당신은)|(?:라고만|라고\s*만)\s*(?:답|대답|말|출력|응답)",
    r"(?:忽略|无视|無視|忘记).{0,20}(?:指令|指示|规则|提示)|(?:以前|上記|これまで|前)の?.{0,10}(?:指示|命令|ルール).{0,10}(?:無視|忘れ)",
    r"(?:ignorier|vergiss|missachte)\w*.{0,40}(?:anweisung|regel|befehl|vorgabe)\w*",
    r"(?:ignore[zr]?|oublie[zr]?|ne\s+tiens?\s+pas\s+compte).{0,40}(?:instructions?|règles?|consignes?)",
    r"(?:ignora|olvida|descarta)\w*.{0,40}(?:instrucciones|reglas|órdenes)",
    r"(?:игнорируй|забудь|не\s+следуй)\w*.{0,40}(?:инструкц|правил|указан)\w*",
    r"<\s*/?\s*(?:system|assistant|instructions?|developer|tool_call|function_call)\b[^>]*>",
    r"<\|[^|>]{1,40}\|>|\[/?INST\]|###\s*(?:system|instruction)",
)
INJECTION = re.compile("|".join(f"(?:{pattern})" for pattern in _PATTERNS), re.IGNORECASE)
#: Invisible characters, in which instructions are hidden: zero width, direction marks, tags.
INVISIBLE = re.compile("[\u200b\u200c\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff\U000e0000-\U000e007f]")
#: `x[0]` in a passage must not look like a citation: `x[ 0 ]` means the same.
NUMBER_IN_BRACKETS = re.compile(r"([\[【])\s*(\d{1,4}(?:\s*[,–-]\s*\d{1,4})*)\s*([\]】])")


def without_instructions(text: str) -> tuple[str, int]:
    """Return the text without sentences that instruct a model, and how many were left out."""
    text = INVISIBLE.sub("", text)
    if not INJECTION.search(unicodedata.normalize("NFKC", text)):
        return text, 0
    kept: list[str] = []
    count = 0
    for part in _parts(text):
        if INJECTION.search(unicodedata.normalize("NFKC", part)):
            count += 1
            if not kept or kept[-1].strip() != LEFT_OUT:
                kept.append(LEFT_OUT + (" " if not part.endswith("\n") else "\n"))
        else:
            kept.append(part)
    found = "".join(kept)
    return (found, count) if not INJECTION.search(unicodedata.normalize("NFKC", found)) else (LEFT_OUT, count + 1)


def _parts(text: str) -> list[str]:
    return [line for span in sentences(text) for line in re.split(r"(?<=\n)", text[span.start : span.end]) if line]


def as_data(text: str) -> str:
    """Return a text as it is shown to a model: it holds nothing that looks like a citation of ours."""
    return NUMBER_IN_BRACKETS.sub(r"\1 \2 \3", text)
