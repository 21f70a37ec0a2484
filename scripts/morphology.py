"""Compare the n-grams of search with the morphemes of dictionaries, on inflected Korean and Japanese words.

``python -m scripts.morphology`` needs ``pip install kiwipiepy sudachipy sudachidict_core``. For each language it prints
how well each kind of terms finds the notes of `tests/data/inflection`, what it costs, and how many terms a note has.
"""

from __future__ import annotations

import hashlib
import importlib
import resource
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from pc_worker.bench.processor import processor
from pc_worker.services.search.quality.evaluate import ndcg
from pc_worker.store.search.query.korean import inflected_grams
from pc_worker.store.search.statistics import CollectionStatistics
from pc_worker.store.search.words.splitting import run_grams, run_query_grams, split_words, word_forms
from pc_worker.store.search.words.stopwords import without_function_words

JUDGED = Path(__file__).parents[1] / "tests" / "data" / "inflection"
KIWI_TAGS = ("NN", "NR", "SL", "SH", "SN", "XR", "VV", "VA", "MAG")
SUDACHI_TAGS = ("名詞", "動詞", "形容詞", "形状詞", "副詞")
#: How much a morpheme counts in addition to n-grams.
WEIGHTS = (0.5, 1.0, 2.0)
REPEATS = 20
LINE = "{:<16} {:<28} {:>8} {:>7} {:>9} {:>10}"

Bag = Mapping[str, float]
Lemmas = Callable[[str], Sequence[str]]


@dataclass(frozen=True, slots=True)
class Terms:
    """A kind of terms: of a note with their counts, and of a query."""

    of_note: Callable[[str], Bag]
    of_query: Callable[[str], set[str]]


def grams(*, rules: bool = True) -> Terms:
    """Return the terms of search: stems of words, n-grams of text without blanks, stems of Korean verbs in a query."""

    def of_note(text: str) -> Bag:
        words, runs = split_words(text)
        found: Counter[str] = Counter(gram for run in runs for gram in run_grams(run))
        found.update(form for word in words for form, _ in word_forms(word))
        return found

    def of_query(text: str) -> set[str]:
        words, runs = split_words(without_function_words(text))
        found = {gram for run in runs for gram in run_query_grams(run)}
        if rules:
            found.update(gram for run in runs for gram in inflected_grams(run))
        return found | {form for word in words for form, _ in word_forms(word)}

    return Terms(of_note, of_query)


def morphemes(lemmas: Lemmas) -> Terms:
    """Return the lemmas alone."""
    return Terms(
        lambda text: Counter(f"\0{lemma}" for lemma in lemmas(text)), lambda text: {f"\0{x}" for x in lemmas(text)}
    )


def both(first: Terms, second: Terms, weight: float) -> Terms:
    """Return both kinds of terms, the second with this weight."""

    def of_note(text: str) -> Bag:
        return dict(first.of_note(text)) | {term: weight * count for term, count in second.of_note(text).items()}

    return Terms(of_note, lambda text: first.of_query(text) | second.of_query(text))


def kiwi() -> Lemmas:
    """Return the content words of Korean text in the form of a dictionary."""
    loaded = importlib.import_module("kiwipiepy").Kiwi(num_workers=1)
    return lambda text: [token.lemma for token in loaded.tokenize(text) if token.tag.startswith(KIWI_TAGS)]


def sudachi() -> Lemmas:
    """Return the content words of Japanese text in their normal form."""
    sudachipy = importlib.import_module("sudachipy")
    loaded = sudachipy.Dictionary().tokenizer(mode=sudachipy.SplitMode.A)
    return lambda text: [m.normalized_form() for m in loaded.tokenize(text) if m.part_of_speech()[0] in SUDACHI_TAGS]


def read_judged(path: Path) -> list[tuple[str, str, str]]:
    """Return queries, each with the note that answers it and one that does not."""
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    return [(query, note, other) for query, note, other in (line.split("\t") for line in lines)]


def quality(terms: Terms, judged: Sequence[tuple[str, str, str]]) -> tuple[float, int]:
    """Return the mean nDCG@10 and how many queries have their note first."""
    notes = [note for _, *both_notes in judged for note in both_notes]
    bags = {note: terms.of_note(note) for note in notes}
    lengths = {note: round(sum(bag.values())) for note, bag in bags.items()}
    known = CollectionStatistics(len(bags), fmean(lengths.values()), 1.2, 0.75)
    documents = Counter(term for bag in bags.values() for term in bag)
    gains = []
    for query, answer, _ in judged:
        asked = terms.of_query(query)
        scores = {
            note: sum(
                known.idf(documents[t]) * known.bm25(bag[t], known.norm(lengths[note])) for t in asked & bag.keys()
            )
            for note, bag in bags.items()
        }
        ranked = sorted((note for note in bags if scores[note] > 0), key=lambda note: (-scores[note], _chance(note)))
        gains.append((ndcg(ranked, {answer: 1.0}, depth=10), ranked[:1] == [answer]))
    return fmean(gain for gain, _ in gains), sum(first for _, first in gains)


def _chance(note: str) -> str:
    """Order notes of equal scores by chance, as their row ids do."""
    return hashlib.sha256(note.encode()).hexdigest()


def microseconds(terms: Terms, judged: Sequence[tuple[str, str, str]]) -> float:
    """Return the processor time of a note's terms."""
    notes = [note for _, *both_notes in judged for note in both_notes]
    began = time.process_time()
    for _ in range(REPEATS):
        for note in notes:
            terms.of_note(note)
    return (time.process_time() - began) / REPEATS / len(notes) * 1e6


def loaded(load: Callable[[], Lemmas], text: str) -> tuple[Lemmas, str]:
    """Return the lemmas of a dictionary and what loading it takes."""
    megabytes, began = _peak_mb(), time.process_time()
    lemmas = load()
    lemmas(text)
    return lemmas, f"{time.process_time() - began:.1f} s of processor time, {_peak_mb() - megabytes:.0f} MB"


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def kinds(lemmas: Lemmas) -> Iterator[tuple[str, Terms]]:
    """Yield the kinds of terms that are compared."""
    yield "n-grams", grams(rules=False)
    yield "n-grams, rules of the query", grams()
    yield "morphemes", morphemes(lemmas)
    for weight in WEIGHTS:
        yield f"n-grams + morphemes × {weight:g}", both(grams(rules=False), morphemes(lemmas), weight)


def main() -> None:
    """Measure and print."""
    sys.stdout.write(f"{processor()}\n")
    sys.stdout.write(LINE.format("language", "terms", "nDCG@10", "first", "µs a note", "terms") + "\n")
    for language, load in (("korean", kiwi), ("korean-held-out", kiwi), ("japanese", sudachi)):
        judged = read_judged(JUDGED / f"{language}.tsv")
        lemmas, costs = loaded(load, judged[0][1])
        for name, terms in kinds(lemmas):
            gain, first = quality(terms, judged)
            size = fmean(len(terms.of_note(note)) for _, note, _ in judged)
            figures = (f"{gain:.3f}", f"{first}/{len(judged)}", f"{microseconds(terms, judged):.0f}", f"{size:.0f}")
            sys.stdout.write(LINE.format(language, name, *figures) + "\n")
        sys.stdout.write(f"{language}: the dictionary takes {costs}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
