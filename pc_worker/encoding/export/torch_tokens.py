"""The tokenizer that sentence-transformers uses, compared with the one in the model's folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pc_worker.encoding.agreement import probe_queries, probe_texts
from pc_worker.encoding.export.torch_graph import NotExportable
from pc_worker.encoding.models.folder import UNLIMITED, ModelFolder
from pc_worker.encoding.text.tokens import Tokens, load_tokens
from pc_worker.errors import ModelUnavailable

#: What a graph of ours gets, and what does not change its vectors.
KNOWN = {"input_ids", "attention_mask", "token_type_ids", "prompt_length", "modality", "offsets"}


def save_tokenizer(reference: Any, folder: ModelFolder, target: Path, *, exact: bool) -> None:
    """Write the tokenizer of ``reference`` to ``target`` where that in the folder is missing or makes other tokens.

    Args:
        reference: The ``SentenceTransformer``.
        folder: The model's folder.
        target: The file to write.
        exact: Whether tokens must be the same in the end; otherwise they only serve to count.

    Raises:
        NotExportable: If no tokenizer makes the same tokens, or the model needs more than tokens.
    """
    if _same(reference, folder, saved=None):
        return
    if (found := _tokenizer(reference)) is not None:
        found.save(str(target))
    if exact and (found is None or not _same(reference, folder, saved=target)):
        target.unlink(missing_ok=True)
        raise NotExportable("its texts are prepared in a way that only sentence-transformers knows")


def _tokenizer(reference: Any) -> Any:
    from tokenizers import Tokenizer

    try:
        tokenizer = reference.tokenizer
    except AttributeError:  # a router has no tokenizer
        return None
    return tokenizer if isinstance(tokenizer, Tokenizer) else getattr(tokenizer, "backend_tokenizer", None)


def _same(reference: Any, folder: ModelFolder, *, saved: Path | None) -> bool:
    try:
        tokens = load_tokens(folder, saved=saved)
    except ModelUnavailable:
        return False
    if {"Router", "Asym"} & set(folder.modules):
        return False
    long = ["a 1 , " * folder.max_tokens] if folder.max_tokens < UNLIMITED else []
    roles = (
        ("document", folder.document_prompt, [*probe_texts(), *long]),
        ("query", folder.query_prompt, [*probe_queries(), *long]),
    )
    return all(
        _equal(reference.preprocess([text], prompt=prompt, task=task), tokens, prompt + text)
        and _equal_prompts(reference, folder, tokens, prompt, task)
        for task, prompt, texts in roles
        for text in texts
    )


def _equal(features: Mapping[str, Any], tokens: Tokens, text: str) -> bool:
    ((ids, _),) = tokens.ids([text])
    given = features["input_ids"].flatten().tolist()
    types = features.get("token_type_ids")
    whole = "attention_mask" not in features or bool(features["attention_mask"].all())
    return set(features) <= KNOWN and given == ids and whole and (types is None or not types.any())


def _equal_prompts(reference: Any, folder: ModelFolder, tokens: Tokens, prompt: str, task: str) -> bool:
    if folder.prompt_counts:
        return True
    features = reference.preprocess(["a"], prompt=prompt, task=task)
    return int(features.get("prompt_length") or 0) == tokens.prompt_tokens(prompt)
