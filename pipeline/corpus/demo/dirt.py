"""Dirt of known kinds: what a crawled corpus holds and a cleaner should drop, each piece with its
label.

Cleaning is measured against these labels, so every piece is dirt beyond doubt: a page's menu,
not a short sentence; a duplicate in which only case, punctuation and white space changed; a
text whose letters are broken.
"""

import random
from collections.abc import Sequence

from pipeline.corpus.demo.lexicon import load_data

REPEATED = {"duplicate", "near_duplicate", "encoding"}
"""Labels of what is made from one good text, and has to come after it."""

_SHARES = {
    "language": 40,
    "markup": 11,
    "boilerplate": 11,
    "duplicate": 9,
    "near_duplicate": 9,
    "encoding": 10,
    "repetition": 4,
    "symbols": 3,
    "short": 3,
}
"""Of a hundred pieces of dirt, how many are of each kind."""

_MENU = [
    "Баш бит", "Яңалыклар", "Элемтә", "Безнең хакта", "Фотогалерея", "Кулланучылар",
    "Керү", "Теркәлү", "Эзләү", "Сайт картасы", "Видео", "Архив",
    "Реклама", "Барлык хокуклар сакланган", "Алга", "Артка", "Главная", "Контакты",
    "О нас", "Новости", "Вход", "Home", "News", "Contact",
    "Log in", "Share", "Next page", "Privacy policy",
]  # fmt: skip
_NOTICES = [
    "© {year} Барлык хокуклар сакланган",
    "Copyright © {year} All rights reserved",
    "© {year} Все права защищены",
    "We use cookies to improve your experience. Accept all | Reject | Settings",
    "Сайт cookie файлларын куллана. Килешәм | Ябарга",
    "Этот сайт использует файлы cookie. Принять | Подробнее",
    "Powered by WordPress | Theme by {word}",
]  # fmt: skip
_CODE = [
    "function show{n}(id) {{ var e = document.getElementById('b{n}'); e.style.top = '{n}px'; }}",
    ".menu-{n} {{ color: #fff; margin: {n}px auto; padding: 0 {n}px; float: left; }}",
    "<table class=\"wikitable\"><tr><td>{n}</td><td>&nbsp;</td><td>{n}%</td></tr></table>",
    "{{{{Infobox settlement | name = {word} | population = {n} | image = {word}.jpg }}}}",
    "[[Файл:{word}.jpg|thumb|{n}px]] [[Төркем:{word}]] {{{{искәрмәләр}}}} <ref name=\"a{n}\"/>",
    "<script type=\"text/javascript\">window.dataLayer.push(['id', {n}]);</script>",
    "<a href=\"http://example.org/{n}\">{word}</a><br/><img src=\"/img/{n}.png\" alt=\"\"/>",
    "{{\"id\": {n}, \"title\": \"{word}\", \"tags\": [], \"url\": \"https://example.org/p/{n}\"}}",
]  # fmt: skip
_SHORT = [
    "Әйе.",
    "Юк",
    "Ул",
    "Бу",
    "Менә",
    "Шулай",
    "Инде",
    "Ярый",
    "Тагын",
    "Кем?",
    "Нәрсә?",
    "Ә?",
]


def make_dirt(count: int, good: Sequence[str], draw: random.Random) -> list[tuple[str, str, int]]:
    """Make `count` pieces of dirt as (text, label, original), in which only copies and fragments
    recur.

    `original` is the index in `good` of the text that the piece repeats, or -1.
    """
    makers = {
        "markup": _markup,
        "boilerplate": _boilerplate,
        "repetition": _repetition,
        "symbols": _symbols,
    }
    labels = [label for label, share in _SHARES.items() for _ in range(share)]
    kinds = [labels[(index * 37) % len(labels)] for index in range(count)]
    copied = iter(draw.sample(range(len(good)), len(good)))
    seen = set(good)
    pieces: list[tuple[str, str, int]] = []
    for kind in kinds:
        if kind in REPEATED:
            original = next(copied)
            change = {"duplicate": _same, "near_duplicate": _near, "encoding": _broken}[kind]
            pieces.append((change(good[original], draw), kind, original))
            continue
        if kind == "short":
            pieces.append((_fragment(draw), kind, -1))
            continue
        text = ""
        while not text or text in seen:
            if kind == "language":
                code = draw.choice(list(load_data("foreign")))
                text, label = _foreign(code, draw), f"language:{code}"
            else:
                text, label = makers[kind](good, draw), kind
        seen.add(text)
        pieces.append((text, label, -1))
    return pieces


def _foreign(code: str, draw: random.Random) -> str:
    return " ".join(draw.sample(load_data("foreign")[code], draw.randint(1, 3)))


def _markup(good: Sequence[str], draw: random.Random) -> str:
    word = draw.choice(good).split()[0].strip("—.,!? ") or "сүз"
    pieces = draw.sample(_CODE, draw.randint(1, 3))
    return " ".join(piece.format(n=draw.randint(10, 990), word=word) for piece in pieces)


def _boilerplate(good: Sequence[str], draw: random.Random) -> str:
    menu = draw.choice([" | ", " » ", " / ", " • "]).join(draw.sample(_MENU, draw.randint(6, 10)))
    notice = draw.choice(_NOTICES).format(year=draw.randint(2003, 2024), word="Aurora")
    return draw.choice(
        [f"{menu} {notice}", f"{notice} {menu}", f"{notice} http://example.org/{menu}"]
    )


def _broken(text: str, draw: random.Random) -> str:
    """A text read in the wrong encoding, or with the letters lost that a code page did not have."""
    kind = draw.randrange(4)
    if kind == 0:
        return text.encode().decode("cp1251", errors="replace")
    if kind == 1:
        return text.encode().decode("cp1252", errors="replace")
    if kind == 2:
        return text.encode("cp1251", errors="replace").decode("cp1251")
    places = {i for i, letter in enumerate(text) if letter.isalpha() and draw.random() < 0.15}
    return "".join("\N{REPLACEMENT CHARACTER}" if i in places else c for i, c in enumerate(text))


def _repetition(good: Sequence[str], draw: random.Random) -> str:
    words = [word for word in draw.choice(good).lower().split() if word.isalpha() and len(word) > 2]
    return " ".join([draw.choice(words or ["сүз"])] * draw.randint(8, 30))


def _symbols(good: Sequence[str], draw: random.Random) -> str:
    pieces = [
        "###",
        "***",
        "----",
        "====",
        "0x{n}",
        "{n}/{n}",
        "+7 ({n}) {n}-{n}",
        "{n}.{n}",
        "№{n}",
        "{n}%",
        "$$",
    ]
    return " ".join(
        draw.choice(pieces).format(n=draw.randint(10, 9999)) for _ in range(draw.randint(8, 20))
    )


def _fragment(draw: random.Random) -> str:
    return draw.choice(_SHORT) + draw.choice(["", ".", "..", " -", " *"])


def _same(text: str, draw: random.Random) -> str:
    return text


def _near(text: str, draw: random.Random) -> str:
    """The same text with other case, punctuation or white space."""
    changes = [
        str.upper,
        str.lower,
        lambda old: old.replace(".", ""),
        lambda old: old.replace(". ", "!  "),
        lambda old: "  " + old.replace(" ", "   ") + " ",
        lambda old: f"«{old}»",
        lambda old: old.replace(",", "").replace(".", "..."),
    ]
    changed = text
    while changed == text:
        changed = draw.choice(changes)(text)
    return changed
