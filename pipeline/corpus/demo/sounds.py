"""Tatar sounds: vowel harmony and what happens where a stem meets a suffix.

Suffixes are written with archiphonemes, as in two-level morphology: capital letters stand for
sounds that the stem decides.

    A -> а | ә     Y -> ы | е     vowel harmony with the last vowel of the stem
    D -> д | т     G -> г | к     voiceless after a voiceless consonant
    L -> л | н     nasal after a nasal (урман-нар)
    Z -> д | т | н the ablative's: урман-нан, ат-тан, су-дан

Example: join("урман", "LAр") == "урманнар"; join("китап", "GA") == "китапка".
See Burbiel, Tatar Grammar (2018), chapters 1 and 2.
"""

BACK = "аоуы"
FRONT = "әөүиеэ"
VOWELS = BACK + FRONT + "яюё"
VOICELESS = "пфктшчсщцхһ"
NASAL = "мнң"

SOFTENED = {"к": "г", "п": "б"}
"""Final consonants that become voiced before a suffix that begins with a vowel."""

GLIDED = {"а": "я", "ә": "я", "ы": "е", "е": "е", "у": "ю", "ү": "ю"}
"""How й and a following vowel are written together: җый + а = җыя, өй + е = өе."""


def is_front(word: str) -> bool:
    """Tell whether the suffixes of `word` take front vowels (ә, е): decided by its last vowel.

    The letters я, ю, е hide a й; after a vowel they carry that vowel's harmony (абыем is back), and
    a soft sign after the last vowel fronts the word (сәгать, яшь).
    """
    tail = word.rstrip("бвгджзйклмнпрстфхцчшщңҗһ")
    if tail.endswith("ь"):
        return not word.endswith(("ья", "ью"))
    for index in range(len(word) - 1, -1, -1):
        letter = word[index].lower()
        if letter in BACK:
            return False
        if letter in "яюе" and index and word[index - 1].lower() in VOWELS:
            continue
        if letter in "яюё":
            return False
        if letter in FRONT:
            return True
    raise ValueError(f"no vowel in {word!r}")


def join(stem: str, suffix: str, front: bool | None = None, soften: bool = True) -> str:
    """Attach `suffix`, written in archiphonemes, to `stem`.

    `front` overrides the harmony (for ел, which is back), `soften=False` keeps a final к or п
    before a vowel (for short words and loans such as парк).
    """
    if not suffix:
        return stem
    if front is None:
        front = is_front(stem)
    last = stem.rstrip("ь")[-1].lower()
    first = suffix[0]
    if first == "D" or first == "Z":
        voiced = "н" if first == "Z" and last in NASAL else "д"
        suffix = ("т" if last in VOICELESS else voiced) + suffix[1:]
    elif first == "G":
        suffix = ("к" if last in VOICELESS else "г") + suffix[1:]
    elif first == "L":
        suffix = ("н" if last in NASAL else "л") + suffix[1:]
    suffix = suffix.replace("A", "ә" if front else "а").replace("Y", "е" if front else "ы")
    if suffix[0] not in VOWELS:
        return stem + suffix
    stem = stem.rstrip("ь")
    if last == "й":
        return stem[:-1] + GLIDED[suffix[0]] + suffix[1:]
    if soften and last in SOFTENED:
        return stem[:-1] + SOFTENED[last] + suffix
    if is_glide(stem):
        return stem[:-1] + "в" + suffix
    return stem + suffix


def is_glide(stem: str) -> bool:
    """Tell whether the final у or ү of `stem` is a glide, written в before a vowel: тау, тавы."""
    return len(stem) > 2 and stem[-1] in "уү" and stem[-2] in "аә"


def ends_in_vowel(stem: str) -> bool:
    """Tell whether a suffix that has a form for stems in a vowel takes it."""
    return stem[-1] in VOWELS and not is_glide(stem)
