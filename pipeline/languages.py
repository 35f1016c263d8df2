"""Languages as data: what `languages/CODE.yaml` says of one, or what its own text tells.

Cleaning asks three things of a language: its script, its alphabet, and the letters that betray a
neighbour. They are facts, so they are data; a language nobody has written down yet is described by
counting the letters of its text. `docs/adding-a-language.md` explains every key.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from pipeline.errors import UserError
from pipeline.scripts import SCRIPTS, of_alphabet, script_of

FOLDER = "languages"
IDENTIFIERS = ("lid176", "glotlid")
COVERAGE = 0.999  # share of letter occurrences that an alphabet taken from text covers
WORD_MARKS = "'’-"  # what joins the letters of one word where no file says otherwise


@dataclass(frozen=True)
class Language:
    """Facts about one language.

    `alphabet`, `foreign_letters` and `word_marks` are strings of single characters: the lower-case
    letters of good text; letters that good text never holds, not even in names, while a neighbour
    does; and the non-letters that belong to a word when they stand between two letters.
    `identifiers` gives the label that each ready-made identifier uses, or None where it knows none,
    and `thresholds` how sure of it each must be, where the file says so.
    """

    code: str
    name: str
    native_name: str
    iso639_1: str | None
    script: str
    alphabet: str
    foreign_letters: str
    word_marks: str
    identifiers: Mapping[str, str | None]
    thresholds: Mapping[str, float]
    leipzig: tuple[str, ...]
    wikipedia: str | None
    fineweb2: str | None
    glotcc: str | None
    origin: str
    """The file that says so, or "text"."""
    harmony: tuple[str, ...] = ()
    """Pairs of letters that stand for each other in suffixes, back and front, such as `аә`."""


def letters_outside(language: Language, text: str) -> float:
    """Share of the letters of `text`, in either case, that are not in the language's alphabet.

    The text is expected in NFC. Without any letter the share is 0: nothing is outside.
    """
    passed, failed = of_alphabet(language.alphabet).count(text)
    return failed / (passed + failed) if failed else 0.0


def load_language(code: str, folder: str | Path = FOLDER) -> Language | None:
    """Read `folder/CODE.yaml`; None where there is none, so that the text may tell.

    Raises UserError for a code that cannot be one, for a two-letter code of a language that has a
    file under three letters, and for anything wrong in the file.
    """
    if not re.fullmatch(r"[a-z]{2,3}(_[A-Za-z0-9]+)?", code):
        raise UserError(f"language code {code!r}: write three letters (ISO 639-3), such as tat")
    path = Path(folder) / f"{code}.yaml"
    if path.is_file():
        return read_language(path)
    if len(code) == 2:
        for other in sorted(Path(folder).glob("*.yaml")):
            if (language := read_language(other)).iso639_1 == code:
                raise UserError(
                    f"language code {code!r}: {language.name} is {language.code!r} here (ISO 639-3)"
                )
    return None


def read_language(path: Path) -> Language:
    """Read and check one language file; what is wrong gives one line with file, key and value."""
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError:
        raise UserError(f"{path}: not UTF-8 text") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" in line {mark.line + 1}" if mark else ""
        what = getattr(error, "problem", None) or "cannot be read"
        raise UserError(f"{path}: not valid YAML{where}: {what}") from None
    return _Reader(path, values).language()


def language_from_text(code: str, texts: Iterable[str]) -> Language:
    """Describe a language that has no file by the letters of its texts (NFC; a sample is enough).

    The script is that of most letters; the alphabet holds the commonest letters of that script, in
    lower case, until they cover 99.9 % of its occurrences, so that strays stay outside.
    Raises UserError where the texts have no letters.
    """
    characters: Counter[str] = Counter()
    for text in texts:
        characters.update(text)
    scripts: Counter[str] = Counter()
    letters: Counter[str] = Counter()
    for character, count in characters.items():
        if (script := script_of(character)) is not None:
            scripts[script] += count
            for letter in character.lower():
                if script_of(letter) is not None:
                    letters[letter] += count
    if not scripts:
        raise UserError(f"language {code}: its text has no letters, so its alphabet cannot be told")
    main = min(scripts, key=lambda script: (-scripts[script], script))
    ranked = sorted(
        (letter for letter in letters if script_of(letter) == main),
        key=lambda letter: (-letters[letter], letter),
    )
    total, covered, alphabet = sum(letters[letter] for letter in ranked), 0, ""
    for letter in ranked:
        if covered >= COVERAGE * total:
            break
        alphabet += letter
        covered += letters[letter]
    return Language(
        code=code,
        name=code,
        native_name=code,
        iso639_1=None,
        script=main,
        alphabet="".join(sorted(alphabet)),
        foreign_letters="",
        word_marks=WORD_MARKS,
        identifiers=dict.fromkeys(IDENTIFIERS),
        thresholds={},
        leipzig=(),
        wikipedia=None,
        fineweb2=None,
        glotcc=None,
        origin="text",
    )


def describe(language: Language) -> str:
    """The one line that says what is taken for the language, and from where."""
    count = len(language.alphabet)
    shown = language.alphabet if count <= 60 else language.alphabet[:60] + "…"
    letters = f"script {language.script}, {count} letters {shown}"
    if language.origin == "text":
        return f"{language.code}: no file in {FOLDER}/, so taken from the text: {letters}"
    return f"{language.code} ({language.name}), from {language.origin}: {letters}"


class _Reader:
    """Takes the values of one file apart, key by key; can say which one is wrong."""

    def __init__(self, path: Path, values: Any) -> None:
        self.path = path
        self.values = self._mapping(values, "the file")

    def language(self) -> Language:
        code = self._text(self.values, "code")
        if code != self.path.stem:
            raise self._wrong("code", code, f"must be the file's name, {self.path.stem!r}")
        script = self._text(self.values, "script")
        if script not in SCRIPTS.values():
            raise self._wrong("script", script, "must be an ISO 15924 code such as Cyrl or Latn")
        alphabet = self._characters("alphabet", required=True)
        for letter in alphabet:
            if (found := script_of(letter)) != script:
                what = f"is of script {found}, not {script}" if found else "is no letter"
                raise self._wrong("alphabet", letter, what)
            if letter.lower() != letter:
                raise self._wrong("alphabet", letter, f"must be lower case, {letter.lower()!r}")
        foreign = self._characters("foreign_letters")
        for letter in foreign:
            if script_of(letter) is None or letter.lower() != letter:
                raise self._wrong("foreign_letters", letter, "must be a lower-case letter")
            if letter in alphabet:
                raise self._wrong("foreign_letters", letter, "is in the alphabet too")
        marks = self._characters("word_marks")
        for mark in marks:
            if script_of(mark) is not None or mark.isspace():
                raise self._wrong("word_marks", mark, "must be neither a letter nor a space")
        identifiers = self._mapping(self.values.pop("identifiers", None), "identifiers")
        thresholds: dict[str, float] = {}
        labels = {name: self._identifier(identifiers, name, thresholds) for name in IDENTIFIERS}
        self._nothing_left(identifiers, "identifiers.")
        sources = self._mapping(self.values.pop("sources", {}), "sources")
        language = Language(
            code=code,
            name=self._text(self.values, "name"),
            native_name=self._text(self.values, "native_name"),
            iso639_1=self._label(self.values, "iso639_1"),
            script=script,
            alphabet=alphabet,
            foreign_letters=foreign,
            word_marks=marks,
            identifiers=labels,
            thresholds=thresholds,
            leipzig=self._names(sources, "sources.leipzig"),
            wikipedia=self._optional(sources, "sources.wikipedia"),
            fineweb2=self._optional(sources, "sources.fineweb2"),
            glotcc=self._optional(sources, "sources.glotcc"),
            origin=self.path.as_posix(),
            harmony=self._harmony(alphabet),
        )
        self._nothing_left(sources, "sources.")
        self._nothing_left(self.values, "")
        return language

    def _wrong(self, key: str, value: object, what: str) -> UserError:
        return UserError(f"{self.path}: {key}: {value!r} {what}")

    def _mapping(self, value: Any, key: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise self._wrong(key, value, "must be keys with values")
        return dict(value)

    def _text(self, values: dict[str, Any], key: str) -> str:
        value = values.pop(key.split(".")[-1], None)
        if value is None:
            raise UserError(f"{self.path}: {key} is missing")
        if not isinstance(value, str) or not value.strip():
            raise self._wrong(key, value, "must be text (in quotes, if YAML reads it otherwise)")
        return value

    def _optional(self, values: dict[str, Any], key: str) -> str | None:
        return None if values.get(key.split(".")[-1]) is None else self._text(values, key)

    def _label(self, values: dict[str, Any], key: str) -> str | None:
        """A key that must be there, if only to say with `null` that there is no such label."""
        name = key.split(".")[-1]
        if name not in values:
            raise UserError(f"{self.path}: {key} is missing (null where there is none)")
        if values[name] is None:
            return values.pop(name)
        return self._text(values, key)

    def _identifier(
        self, values: dict[str, Any], name: str, thresholds: dict[str, float]
    ) -> str | None:
        """A label, or a mapping of `label` and `threshold`."""
        key = f"identifiers.{name}"
        if not isinstance(values.get(name), dict):
            return self._label(values, key)
        both = self._mapping(values.pop(name), key)
        label = self._text(both, f"{key}.label")
        threshold = both.pop("threshold", None)
        if isinstance(threshold, bool) or not isinstance(threshold, int | float):
            raise self._wrong(f"{key}.threshold", threshold, "must be a number from 0 to 1")
        if not 0 <= threshold <= 1:
            raise self._wrong(f"{key}.threshold", threshold, "must be from 0 to 1")
        self._nothing_left(both, f"{key}.")
        thresholds[name] = float(threshold)
        return label

    def _harmony(self, alphabet: str) -> tuple[str, ...]:
        pairs = self._names(self.values, "harmony")
        for pair in pairs:
            if len(pair) != 2 or pair[0] == pair[1] or not set(pair) <= set(alphabet):
                raise self._wrong("harmony", pair, "must be two different letters of the alphabet")
        if len(set("".join(pairs))) < 2 * len(pairs):
            raise self._wrong("harmony", list(pairs), "has a letter in two pairs")
        return pairs

    def _names(self, values: dict[str, Any], key: str) -> tuple[str, ...]:
        names = values.pop(key.split(".")[-1], None) or []
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise self._wrong(key, names, "must be a list of names")
        return tuple(names)

    def _characters(self, key: str, required: bool = False) -> str:
        """A string of distinct characters in NFC; spaces between them are only for the eye."""
        value = self._text(self.values, key) if required else self.values.pop(key, "")
        if not isinstance(value, str):
            raise self._wrong(key, value, "must be text (in quotes, if YAML reads it otherwise)")
        if unicodedata.normalize("NFC", value) != value:
            raise self._wrong(key, value, "must be in Unicode's composed form (NFC)")
        value = "".join(value.split())
        for character, count in Counter(value).items():
            if count > 1:
                raise self._wrong(key, character, "stands there twice")
        return value

    def _nothing_left(self, values: dict[str, Any], prefix: str) -> None:
        for key, value in values.items():
            raise self._wrong(f"{prefix}{key}", value, "is no key of a language file")
