"""Which identifier judges the corpus, what it is compared with, and whether the corpus is in the
language at all."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.cleaning.characters import Characters
from pipeline.cleaning.identify import Identifier, NoIdentifier
from pipeline.cleaning.made import LENGTHS, TRUSTED, make_identifier
from pipeline.cleaning.normalise import normalise
from pipeline.cleaning.ready import ready_identifier, with_made
from pipeline.errors import UserError
from pipeline.languages import Language
from pipeline.params import CleaningParams
from pipeline.scripts import script_of

FEWEST_LINES = 10  # of another language, to compare with
TOLD_BY = 2000  # letters that tell whether a text is in a language's letters at all
OUTSIDE = 0.05  # share of letters outside its alphabet that not even dirty text in it has
SPECIAL = 5  # letters beyond its script's common ones that a language must have to be told by
MISSING = 0.002  # where fewer of its letters than this are among those


def choose_identifier(
    params: CleaningParams,
    path: Path | None,
    language: Language,
    characters: Characters,
    sample: list[str],
) -> tuple[Identifier, dict[str, Any]]:
    """The identifier that the params ask for, and how well it does on held-out lines.

    `path` is the file of a ready identifier, None for `made` and `none`; `sample` holds plain
    lines.
    """
    if params.identifier == "none":
        return NoIdentifier(), {"precision": None, "recall": None}
    others = read_contaminants(Path(params.contaminants), characters)
    if path is None:
        sure = read_sure(Path(params.sure), characters) if params.sure else []
        threshold = TRUSTED if params.threshold is None else params.threshold
        return make_identifier(language.code, sample, others, threshold, params.seed, sure)
    ready = ready_identifier(path, language, params.label, params.threshold)
    return with_made(ready, language.code, sample, others, params.seed)


def read_contaminants(folder: Path, characters: Characters) -> dict[str, list[str]]:
    """Plain lines of the other languages of the same script, from one text file a language.

    Raises:
        UserError: there is no such folder, or a file in it is no UTF-8 text.
    """
    if not folder.is_dir():
        raise UserError(f"cleaning.contaminants: {folder} is no folder of text files")
    found: dict[str, list[str]] = {}
    for path in sorted(folder.glob("*.txt")):
        if path.stem == characters.language.code:
            continue
        plain = _plain_lines(path, characters, "cleaning.contaminants")
        if len(plain) >= FEWEST_LINES:
            found[path.stem] = plain
    return found


def read_sure(path: Path, characters: Characters) -> list[str]:
    """Plain lines of a file of sentences that are in the language for sure.

    Raises:
        UserError: there is no such file, or it is no UTF-8 text.
    """
    if not path.is_file():
        raise UserError(f"cleaning.sure: {path} is no file")
    lines = _plain_lines(path, characters, "cleaning.sure")
    return [line for line in dict.fromkeys(lines) if len(line) >= LENGTHS[0]]


def _plain_lines(path: Path, characters: Characters, key: str) -> list[str]:
    """The lines of a file that are in the language's script."""
    try:
        lines = normalise(path.read_text(encoding="utf-8").splitlines())
    except UnicodeDecodeError:
        raise UserError(f"{key}: {path} is not UTF-8 text") from None
    lines = [line for line in lines if line]
    if not lines:
        return []
    measured = characters.measure(lines)
    own = measured.in_script > 0.5 * np.maximum(measured.letter, 1)
    return [measured.plain[i] for i in np.flatnonzero(own).tolist()]


def check_letters(language: Language, texts: Sequence[str]) -> None:
    """See to it that texts (NFC) are in the letters that a language's file gives.

    An archive of another language would else be dropped to the last line, or kept.

    Raises:
        UserError: most letters are of another script, too many are outside the alphabet, or the
            letters that the language has beyond its script's common ones hardly occur.
    """
    if language.origin == "text":
        return
    letters: Counter[str] = Counter()
    scripts: Counter[str] = Counter()
    for character, count in Counter("\n".join(texts)).items():
        if script := script_of(character):
            scripts[script] += count
            if script == language.script:
                letters.update({character.lower()[0]: count})
    found, own = scripts.total(), letters.total()
    if found < TOLD_BY:
        return
    wrong = f"the text does not look like {language.name} ({language.origin})"
    advice = "is corpus.language right, and the archive the one you meant?"
    main = min(scripts, key=lambda script: (-scripts[script], script))
    if 2 * scripts[language.script] < found:
        raise UserError(
            f"{wrong}: {scripts[main] / found:.0%} of its letters are of script {main}, not "
            f"{language.script}: {advice}"
        )
    outside = Counter({c: n for c, n in letters.items() if c not in language.alphabet})
    if outside.total() > OUTSIDE * own:
        common = " ".join(letter for letter, _ in outside.most_common(8))
        raise UserError(
            f"{wrong}: {outside.total() / own:.0%} of its letters are not in the alphabet "
            f"({common}): {advice}"
        )
    special = [c for c in language.alphabet if not "a" <= c <= "z" and not "а" <= c <= "ё"]
    telling = sum(letters[letter] for letter in special)
    if len(special) >= SPECIAL and telling < MISSING * own:
        raise UserError(
            f"{wrong}: {' '.join(special)} are {telling / own:.2%} of its letters: {advice}"
        )
