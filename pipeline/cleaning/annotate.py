"""One batch of documents: normalise, take apart, judge every paragraph. Nothing here knows other
batches, so that batches may be worked on anywhere and in any order."""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import xxhash

from pipeline.cleaning import filters
from pipeline.cleaning.characters import Characters
from pipeline.cleaning.context import forgive
from pipeline.cleaning.function_words import FunctionWords
from pipeline.cleaning.held_out import HeldOut
from pipeline.cleaning.identify import Identifier
from pipeline.cleaning.normalise import join_broken_words, normalise, repair_homoglyphs
from pipeline.cleaning.personal import hide

REPEATABLE = 60  # characters from which on a paragraph is unlikely to be written twice by chance
PATIENCE = 2  # times that a shorter one may stand in one document
GIANT = 1 << 22  # characters from which on a document is judged in pieces


@dataclass(frozen=True)
class Rules:
    """All that judging needs; made once, shared by every process."""

    characters: Characters
    identifier: Identifier
    vocabulary: Collection[str]
    function_words: FunctionWords
    held_out: HeldOut
    personal_data: bool
    min_characters: int
    max_characters: int


@dataclass(frozen=True)
class Dropped:
    """A document, or the paragraph `part` of one, with the reason to drop it."""

    part: int | None
    text: str
    reason: str
    detail: str


class Paragraph(NamedTuple):
    """A paragraph that is kept: its place in the document, and the hash of its content."""

    part: int
    text: str
    key: int


@dataclass
class Annotated:
    """What became of one document: the paragraphs that are kept, the hash of their content, and
    what was dropped. Where nothing is kept, `dropped` is the whole document."""

    kept: list[Paragraph]
    dropped: list[Dropped]
    key: int = 0

    @property
    def text(self) -> str:
        """What is left of the document."""
        return "\n".join(paragraph.text for paragraph in self.kept)


def annotate(
    texts: Sequence[str], rules: Rules, counts: Counter[tuple[str, str]]
) -> list[Annotated]:
    """Judge raw documents one by one; see `Annotated`. What is replaced in them is counted."""
    if not any(len(text) > GIANT for text in texts):
        return _annotate(texts, rules, counts)
    documents: list[Annotated] = []
    for text in texts:
        if len(text) > GIANT:
            documents.append(_in_pieces(text, rules, counts))
        else:
            documents += _annotate([text], rules, counts)
    return documents


def untouched(texts: Sequence[str], characters: Characters) -> list[Annotated]:
    """Keep documents as they are, where cleaning is switched off."""
    keys = characters.measure(texts).keys.tolist() if texts else []
    return [
        Annotated([Paragraph(0, text, key)], [], key) for text, key in zip(texts, keys, strict=True)
    ]


def pieces(text: str) -> Iterator[str]:
    """A text in pieces of whole lines, each of about a quarter of `GIANT` characters or one line.

    An ordinary text is one piece."""
    if len(text) <= GIANT:
        yield text
        return
    begin = 0
    while begin < len(text):
        end = text.rfind("\n", begin, begin + GIANT // 4)
        if end < 0:
            end = text.find("\n", begin + GIANT // 4)
        end = len(text) if end < 0 else end
        yield text[begin:end]
        begin = end + 1


def _in_pieces(text: str, rules: Rules, counts: Counter[tuple[str, str]]) -> Annotated:
    """Judge a huge document piece by piece, so that it takes no more memory than others.

    Its key is that of its paragraphs' keys. A huge line that is too long anyway is not looked at.
    """
    kept: list[Paragraph] = []
    dropped: list[Dropped] = []
    first = 0
    for piece in pieces(text):
        if len(piece) > max(rules.max_characters, GIANT):
            document = _drop(piece, "too_long", f"{len(piece):,} characters")
        else:
            (document,) = _annotate([piece], rules, counts)
        parts = [p.part for p in document.kept]
        kept += [p._replace(part=first + p.part) for p in document.kept]
        for lost in document.dropped:
            lines = lost.text.split("\n") if lost.part is None else [lost.text]
            for part, line in enumerate(lines, lost.part or 0):
                parts.append(part)
                dropped.append(Dropped(first + part, line, lost.reason, lost.detail))
        first += max(parts) + 1
    keys = np.array([p.key for p in kept], np.uint64)
    if not kept:
        sizes: Counter[str] = Counter()
        for lost in dropped:
            sizes[lost.reason] += len(lost.text)
        return _drop(text, max(sizes, key=lambda r: (sizes[r], r)), "every piece of it")
    return Annotated(kept, dropped, xxhash.xxh3_64_intdigest(keys.tobytes()))


def _annotate(
    texts: Sequence[str], rules: Rules, counts: Counter[tuple[str, str]]
) -> list[Annotated]:
    language = rules.characters.language
    whole = repair_homoglyphs(normalise(texts), language.script, language.alphabet)
    whole = join_broken_words(whole, rules.vocabulary)
    if rules.personal_data:
        whole, hidden = hide(whole)
        for kind, count in hidden.items():
            counts["personal", kind] += count
    paragraphs = [text.split("\n") for text in whole]
    flat = [paragraph for document in paragraphs for paragraph in document]
    if not flat:
        return []
    measured = rules.characters.measure(flat)
    reasons = filters.reasons(measured, flat, rules.function_words)
    judged = rules.identifier.judge(measured.plain, flat)
    inside = judged.inside.copy()
    ends = np.cumsum([len(document) for document in paragraphs])
    begins = ends - [len(document) for document in paragraphs]
    for place in np.unique(np.searchsorted(ends, np.flatnonzero(~inside), side="right")).tolist():
        part, document = slice(begins[place], ends[place]), paragraphs[place]
        if len(document) > 1:
            inside[part] = forgive(inside[part], judged.excess[part], [len(p) for p in document])
    for index in np.flatnonzero(rules.held_out.inside(measured.plain)).tolist():
        reasons[index] = ("held_out", "")
    for index in np.flatnonzero(~inside & (measured.letter > 0)).tolist():
        if not reasons[index][0]:
            reasons[index] = ("language", judged.names[index])
    keys = measured.keys.tolist()
    result: list[Annotated] = []
    for begin, end, text, document in zip(
        begins.tolist(), ends.tolist(), whole, paragraphs, strict=True
    ):
        own = reasons[begin:end]
        if len(document) > 1:
            _mark_repeats(document, own)
        decided = _decide(text, document, own, keys[begin:end], rules)
        if len(decided.kept) > 1:
            words = _first_words([measured.plain[begin + p.part] for p in decided.kept])
            if (detail := filters.repetition(words)) is not None:
                decided = _drop(text, "repetition", detail)
        if decided.kept:
            decided.key = measured.key(begin + p.part for p in decided.kept)
        result.append(decided)
    return result


def _first_words(plain: Sequence[str]) -> list[str]:
    words: list[str] = []
    for text in plain:
        words += text.split()
        if len(words) >= filters.LONGEST:
            break
    return words


def _mark_repeats(document: list[str], reasons: list[tuple[str, str]]) -> None:
    """Short lines that stand in one document again and again: headers and footers of its pages."""
    seen: Counter[str] = Counter()
    for index, paragraph in enumerate(document):
        seen[paragraph] += 1
        if seen[paragraph] > PATIENCE and not reasons[index][0]:
            reasons[index] = ("repeated", "in the same document")


def _decide(
    text: str, document: list[str], reasons: list[tuple[str, str]], keys: list[int], rules: Rules
) -> Annotated:
    """Put together what is left of a document, and drop it whole where that is too little."""
    fits = len(text) <= rules.max_characters and _long_enough(text, rules)
    if fits and len(document) == 1 and not reasons[0][0]:
        return Annotated([Paragraph(0, text, keys[0])], [])
    for index, paragraph in enumerate(document):
        if len(paragraph) > rules.max_characters and not reasons[index][0]:
            reasons[index] = ("too_long", f"{len(paragraph):,} characters")
    good = [index for index, (reason, _) in enumerate(reasons) if not reason]
    left = "\n".join(document[index] for index in good)
    if not _long_enough(left, rules):
        if not _long_enough(text, rules):
            return _drop(text, "too_short", f"{len(text)} characters")
        lost: Counter[tuple[str, str]] = Counter()
        for paragraph, why in zip(document, reasons, strict=True):
            if why[0]:
                lost[why] += len(paragraph)
        reason, detail = (
            max(lost, key=lambda item: (lost[item], item)) if lost else ("too_short", "")
        )
        return _drop(text, reason, detail)
    dropped = [
        Dropped(index, document[index], *reasons[index])
        for index in range(len(document))
        if reasons[index][0]
    ]
    return Annotated([Paragraph(i, document[i], keys[i]) for i in good], dropped)


def _long_enough(text: str, rules: Rules) -> bool:
    """Whether a document may be as short as this: a whole sentence may."""
    return len(text) >= rules.min_characters or filters.is_sentence(text)


def _drop(text: str, reason: str, detail: str) -> Annotated:
    return Annotated([], [Dropped(None, text, reason, detail)])
