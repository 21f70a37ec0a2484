"""The words of a query: the terms that it asks for, and the other spellings of its words."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from pc_worker.store.search.query.concepts import AskedWords, Concept, Way, asked
from pc_worker.store.search.query.former_words import former_query_words
from pc_worker.store.search.query.korean import inflected_grams
from pc_worker.store.search.query.ordinals import ordinal_forms
from pc_worker.store.search.words.compounds import (
    compound_parts,
    divisions,
    guessed_divisions,
    joined_forms,
    joined_pair,
    without_apostrophe,
    without_particles,
)
from pc_worker.store.search.words.folding import fold_word
from pc_worker.store.search.words.splitting import (
    RULES,
    compounds_of,
    joined_words,
    language_stem,
    lower_case,
    lowered_parts,
    run_query_grams,
    split_words,
    word_forms,
)
from pc_worker.store.search.words.word_counts import vocabulary, word_id

#: Digits that blanks and signs divide: a telephone number.
TELEPHONE = re.compile(r"(?<![\w.])\+?\(?[0-9](?:[ ()/.-]{0,2}[0-9]){6,14}(?!\w)")
DIGITS = re.compile("[0-9]+")
#: A longer query is a text, in which neighbours are not joined.
MAX_JOINED_WORDS = 40
NEIGHBOURS = re.compile(r"(?<![\w'’.-])(\w+)[ \u00a0](?=(\w+)(?![\w'’-]))")


def asked_words(
    domain: str, text: str, *, oldest: int = RULES, inflected: bool = False, languages: Sequence[str] = ()
) -> AskedWords:
    """Return the words of a query; no character has a special meaning.

    Args:
        domain: The domain to search.
        text: The query.
        oldest: The oldest rules by which the terms of a row of the domain were made: these find it too.
        inflected: Whether Korean verbs in the form of a dictionary also ask for their inflected forms.
        languages: The languages in Latin script, other than English, in which the domain has rows.
    """
    tokens, runs = split_words(text)
    compounds = [compound for token in tokens for compound in compounds_of(token)]
    terms = [term for compound in compounds for part in lowered_parts(compound) for term in _terms(domain, part)]
    grams = {word_id(domain, gram) for run in runs for gram in run_query_grams(run)}
    if inflected:
        grams.update(word_id(domain, gram) for run in runs for gram in inflected_grams(run))
    grams.difference_update(terms)
    others = {word_id(domain, word) for word in former_query_words(text, oldest)}.union(grams)
    concepts = [concept for compound in compounds for concept in _of_compound(domain, compound, tuple(languages))]
    guesses = [*_neighbours(domain, text, compounds), *_telephones(domain, text)]
    found = asked([*terms, *others.difference(terms)], dict.fromkeys([*concepts, *guesses]))
    return replace(found, grams=frozenset(grams))


def query_terms(domain: str, text: str, *, inflected: bool = False) -> list[int]:
    """Return the sorted, unique terms of a query's words, without those of other spellings."""
    return list(asked_words(domain, text, inflected=inflected).terms)


def known_terms(domain: str, text: str, languages: Sequence[str] = ()) -> frozenset[int]:
    """Return the terms by which a text is found: those of its words in all their spellings.

    ``languages`` are those in which it may be, besides English.
    """
    tokens, runs = split_words(text)
    known = vocabulary(domain)
    words = [known, *map(known.of, languages)]
    found = {term for each in words for token in tokens for term, _ in known.forms(each[token])}
    return frozenset(found | {word_id(domain, gram) for run in runs for gram in run_query_grams(run)})


def _neighbours(domain: str, text: str, compounds: Sequence[str]) -> Iterator[Concept]:
    """Yield the concepts of words that one blank divides, and nothing else: no word was left out there."""
    if not 2 <= len(compounds) <= MAX_JOINED_WORDS:
        return
    known = set(compounds)
    for first, second in NEIGHBOURS.findall(text):
        joined = joined_pair(first, second)
        if joined is not None and first in known and second in known:
            own = _terms(domain, lower_case(first), lower_case(second))
            yield Concept(own, (Way(_terms(domain, lower_case(joined)), certain=False),))


def _telephones(domain: str, text: str) -> Iterator[Concept]:
    """Yield the concepts of telephone numbers, which rows may have without blanks and signs."""
    for match in TELEPHONE.finditer(text):
        groups = DIGITS.findall(match[0])
        if len(groups) > 1 + ("." in match[0]):  # 3.1415926 is a number
            yield Concept(_terms(domain, *groups), (Way(_terms(domain, "".join(groups)), certain=False),))


@functools.lru_cache(maxsize=10_000)  # queries repeat their words
def _of_compound(domain: str, compound: str, languages: tuple[str, ...]) -> tuple[Concept, ...]:
    """Return the concepts of a compound: joined instead of divided, and divided instead of joined."""
    found = []
    parts = lowered_parts(compound)
    for form in joined_forms(compound):
        own = _terms(domain, *parts[form.first : form.end])
        whole = form.end - form.first == len(parts)
        found.append(Concept(own, (Way(_terms(domain, lower_case(form.word)), certain=whole),)))
    for written, part in zip(compound_parts(compound), parts, strict=True):
        ways = [Way(_terms(domain, word)) for word in joined_words(written)]
        ways += [Way(_terms(domain, word), certain=False) for word in guessed_words(part)]
        ways += [Way(_terms(domain, *words), together=True, certain=False) for words in guessed_divisions(written)]
        ways += [
            Way(_terms(domain, *words), together=True, certain=n == 0) for n, words in enumerate(divisions(written))
        ]
        ways += [Way(_terms(domain, word)) for word in without_particles(fold_word(part))]
        own = _terms(domain, part)
        stems = dict.fromkeys(word_id(domain, language_stem(part, language)) for language in languages)
        ways += [Way((term,), certain=False) for term in stems if term not in own]
        if ways:
            found.append(Concept(own, tuple(ways)))
    return tuple(found)


def guessed_words(word: str) -> Iterator[str]:
    """Yield other words that a word in lower case may be in a text: 1 and first for 1st, loreal for l'oreal."""
    yield from ordinal_forms(word)
    joined = without_apostrophe(word)
    if joined is not None:
        yield joined


def _terms(domain: str, *words: str) -> tuple[int, ...]:
    """Return the unique terms of words in lower case."""
    return tuple(dict.fromkeys(word_id(domain, form) for word in words for form, _ in word_forms(word)))
