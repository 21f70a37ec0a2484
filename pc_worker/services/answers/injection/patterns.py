"""Patterns of text that speaks to a model instead of the reader, each with words of which it needs one."""

from __future__ import annotations

import re

_RULES = r"(?:instructions?|prompts?|rules?|directions?|guidelines?|context|messages?|commands?|passages?)"
_MODEL = r"(?:AIs?|LLMs?|language models?|chatbots?|assistants?|GPT|Claude)"
#: Words in lower case, and a pattern that can only match a text that has one of them: looking for words is fast.
_PATTERNS: tuple[tuple[str, str], ...] = (
    (
        "ignor disregard forget overrid bypass skip follow obey",
        r"(?:ignore|disregard|forget|override|bypass|skip|(?:do not|don't|stop|no longer|never) "
        r"(?:follow|obey)(?:ing)?)\b"
        rf".{{0,60}}\b{_RULES}",
    ),
    (
        "void invalid outdated obsolete cancel revoked suspended lifted off longer",
        rf"(?:\b(?:all|prior|previous|above|earlier|your|given)\b.{{0,20}}\b{_RULES}|\b{_RULES}\s+(?:you|above|given)\b)"
        r".{0,25}\b(?:are|is|were|have been)\b.{0,15}"
        r"\b(?:void|invalid|outdated|obsolete|cancell?ed|revoked|suspended|lifted|off|no longer)\b",
    ),
    (
        "ai llm model chatbot assistant gpt claude",
        rf"\b(?:note|message|notice|attention|memo|to)\b.{{0,20}}\b(?:to|for|all|the)\s+(?:all\s+|any\s+|the\s+)?{_MODEL}\b"
        r".{0,80}\b(?:say|answer|respond|reply|write|output|include|must|only|obey|ignore)\b",
    ),
    (
        "begin start end finish pref",
        r"\b(?:begin|start|end|finish|prefix|preface)\b.{0,10}\b(?:your|each|every|all)\s+(?:answer|repl|response|output)",
    ),
    (
        "your",
        r"\byour\s+(?:final\s+|next\s+|whole\s+|only\s+)?(?:answer|reply|response|output)\b.{0,10}"
        r"\b(?:has\s+to|must|should|shall|needs?\s+to|is\s+to|will)\b",
    ),
    (
        "question only",
        r"\b(?:answer|reply|response)\s+(?:to|for)\s+(?:every|each|all|any)\s+questions?\b|\bthe\s+only\s+(?:correct|right|valid)"
        r"\s+(?:answer|reply|response)\b",
    ),
    (
        "system developer admin root human user assistant",
        r"(?:^|[.!?。]\s)\W*(?:system|developer|admin(?:istrator)?|root|human|user|assistant)\s*(?:override)?\s*[:>]\s*"
        r"(?:you\s+(?:must|are|will)|please|now|say|write|answer|reply|respond|output|print|ignore|repeat)\b",
    ),
    (
        "override",
        r"\b(?:system|admin(?:istrator)?|developer|security)\s+override\b",
    ),
    (
        "obey",
        r"\bobey\s+(?:it|this|that|me|these|the following)\b",
    ),
    (
        "get_row count_rows list_fields tool",
        r"\b(?:get_row|count_rows|list_fields|the (?:search )?tool)\b.{0,60}"
        r"\b(?:then|and)\s+(?:say|write|repeat|print|answer|reply|cite)\b",
    ),
    (
        "cite",
        r"\b(?:please|always|must|and)\s+cite\b.{0,12}\d",
    ),
    (
        "new updated real actual secret hidden",
        rf"\b(?:new|updated|real|actual|secret|hidden)\s+{_RULES}\s*(?::|are|is)",
    ),
    (
        "prompt message instruction",
        r"\b(?:system|developer|hidden|initial)\s*(?:prompt|message|instructions?)\b",
    ),
    (
        "now longer pretend",
        r"\byou\s+are\s+(?:now|no longer)\b|\bfrom\s+now\s+on\b.{0,40}\byou\b|\bpretend\s+(?:to\s+be|that\s+you)\b",
    ),
    (
        "act",
        r"\b(?:you|please|now)\b.{0,30}\bact\s+as\b|(?:^|[.!?。]\s)\s*act\s+as\b",
    ),
    (
        "jailbreak mode anything",
        r"\b(?:jailbreak|developer mode|DAN mode|do anything now)\b",
    ),
    (
        "only exactly nothing just verbatim",
        r"\b(?:respond|reply|answer|output|print|write|say|repeat|return)\b.{0,30}"
        r"\b(?:only|exactly|nothing but|just|verbatim)\b.{0,40}(?:[\"'“‘:]|\bthe word\b)",
    ),
    (
        "with",
        r"\b(?:respond|reply|answer)\s+(?:only\s+)?with\b.{0,10}[\"'“‘]",
    ),
    (
        "reveal leak exfiltrate",
        r"\b(?:reveal|leak|exfiltrate)\b.{0,40}\b(?:prompt|instructions?|api[ _-]?key|password|secrets?|token)\b",
    ),
    (
        "prompt instruction secret",
        r"\b(?:repeat|show|print|send)\b.{0,20}\b(?:your|the system|all)\b.{0,20}\b(?:prompt|instructions?|secrets?)\b",
    ),
    (
        "ai assistant model llm chatbot gpt claude",
        r"\b(?:AI|assistant|language model|LLM|chatbot|GPT|Claude)\b\s*[:,]\s*"
        r"(?:ignore|you|please|do|always|never|now|say|write)",
    ),
    (
        "asked summari you",
        r"\b(?:when|if)\s+(?:you\s+are\s+)?(?:asked|summari[sz]ing|you\s+(?:read|see|summari[sz]e|answer))\b.{0,80}"
        r"\b(?:say|answer|respond|reply|write|output|include)\b",
    ),
    (
        "always must",
        r"\b(?:always|must)\s+(?:say|answer|respond|reply|cite|recommend|include)\b.{0,60}[\"'“‘:]",
    ),
    (
        "지시 명령 규칙 지침 프롬프트",
        r"(?:이전|위의?|앞의|기존|모든)\s*(?:모든\s*)?(?:지시|명령|규칙|지침|프롬프트).{0,20}(?:무시|잊|따르지)",
    ),
    (
        "시스템 개발자 부터 라고",
        r"(?:시스템\s*프롬프트|개발자\s*모드)|(?:지금부터|이제부터)\s*(?:너는|당신은)|(?:라고만|라고\s*만)\s*(?:답|대답|말|출력|응답)",
    ),
    (
        "너는 넌 당신은 답변 대답 응답",
        r"(?:너는|넌|당신은)\s*(?:이제|지금|앞으로)|(?:답변|대답|응답)(?:은|을|는)?\s*(?:반드시|항상|무조건)",
    ),
    (
        "ai 인공지능 언어 챗봇 어시스턴트 질문에",
        r"(?:\bAI|인공지능|언어\s*모델|챗봇|어시스턴트)\s*(?:에게|야)\s*[:,]|(?:모든|어떤)\s*질문에.{0,20}(?:답|대답|응답)",
    ),
    (
        "라고 따르지",
        r"라고\s*(?:답|대답|출력|응답)(?:해|하)(?:라|줘|세요|시오|십시오)|(?:규칙|지시|지침)을?\s*(?:더\s*이상\s*)?따르지\s*(?:마|말)",
    ),
    (
        "指令 指示 规则 提示",
        r"(?:忽略|忽视|无视|無視|忘记|不再遵守|不要遵守).{0,20}(?:指令|指示|规则|提示)",
    ),
    (
        "指示 命令 ルール とだけ",
        r"(?:以前|上記|これまで|前|すべて|全て)の?.{0,10}(?:指示|命令|ルール).{0,10}(?:無視|忘れ)|とだけ(?:答え|回答|出力)",
    ),
    (
        "ignorier vergiss vergesst missachte umgehe",
        r"(?:ignorier|vergiss|vergesst|missachte|umgehe)\w*.{0,40}(?:anweisung|regel|befehl|vorgabe|alles)\w*",
    ),
    (
        "befolge beachte anweisung regel vorgabe befehl",
        r"(?:befolge|beachte)\w*.{0,40}\bnicht\b|(?:anweisung|regel|vorgabe|befehl)\w*\s+(?:sind|ist|gelten|gilt)\s+(?:ab\s+\w+\s+)?"
        r"(?:ungültig|aufgehoben|nichtig|nicht\s+mehr)",
    ),
    (
        "du sofort antworte schreib sag gib",
        r"\bdu\s+bist\s+(?:jetzt|nun|ab\s+sofort)\b|\bab\s+sofort\b.{0,30}\b(?:antworte|schreib|sag)|"
        r"\b(?:antworte\w*|schreib\w*|sag|sage|gib)\s+(?:nur|immer|stets|ausschließlich)\b",
    ),
    (
        "instruction règle regle consigne",
        r"(?:ignore[zr]?|oublie[zr]?|ne\s+tiens?\s+pas\s+compte|n['’]ob[ée]i\w*|ne\s+(?:suis|suivez|respecte\w*)\s+(?:plus|pas)).{0,40}"
        r"(?:instructions?|r[èe]gles?|consignes?)",
    ),
    (
        "instrucciones reglas órdenes",
        r"(?:ignora|olvida|descarta)\w*.{0,40}(?:instrucciones|reglas|órdenes)",
    ),
    (
        "инструкц правил указан",
        r"(?:игнорируй|забудь|не\s+следуй)\w*.{0,40}(?:инструкц|правил|указан)\w*",
    ),
    (
        "<",
        r"<\s*/?\s*(?:system|assistant|instructions?|developer|tool_call|function_call)\b[^>]*>",
    ),
    (
        "< ```",
        r"<\s*/?\s*(?:passage|question|conversation|draft|problems|fields)-\w+\s*>|```\s*(?:system|instructions?)\b",
    ),
    (
        "<| [inst [/inst ###",
        r"<\|[^|>]{1,40}\|>|\[/?INST\]|###\s*(?:system|instruction)",
    ),
)
INJECTIONS = tuple(
    (tuple(words.split()), re.compile(pattern, re.IGNORECASE | re.MULTILINE)) for words, pattern in _PATTERNS
)
#: What imitates the marks around our passages, or the turns of a chat template.
IMITATION = re.compile(
    r"<\s*/?\s*(?:passage|question|conversation|draft|problems|fields)-\w+\s*>|<\|[^|>]{1,40}\|>|\[/?INST\]"
    r"|```\s*(?:system|instructions?)\b|<\s*/?\s*(?:system|instructions?)\s*>",
    re.IGNORECASE | re.MULTILINE,
)


def instructs_model(text: str) -> bool:
    """Return whether a text has one of the patterns."""
    lower = text.lower()
    return any(pattern.search(text) for words, pattern in INJECTIONS if any(word in lower for word in words))
