"""Cut much text into pieces that are encoded by themselves, a few megabytes at a time.

A tokenizer cuts text into words before it merges bytes, and the library spends its time on that cut
and on words that it has already seen a thousand times. Here the bytes of many documents are cut at
once, by comparing each byte with its neighbours, and equal pieces are found by Arrow's hash table:
what is left to the library are the different pieces, once each.

Every cut made here is one that `cuts.WORDS` makes too (the tests compare them on any text), but
not the other way round: a piece may hold several words.
"""

import re
from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa

from pipeline.tokenization.sample import groups

SPACE, APOSTROPHE = 0x20, 0x27
WHITE = np.zeros(256, bool)
WHITE[[*range(0x09, 0x0E), SPACE]] = True
# White space beyond ASCII, rare in cleaned text; such documents are cut in another way.
RARE_WHITE = re.compile(
    rb"\xc2[\x85\xa0]|\xe1\x9a\x80|\xe2\x80[\x80-\x8a\xa8\xa9\xaf]|\xe2\x81\x9f|\xe3\x80\x80"
)
LETTER, DIGIT, MARK = 1, 2, 3  # what certainly goes to different words; 0: anything else
CLASSES = np.zeros(256, np.uint8)
CLASSES[[*range(0x41, 0x5B), *range(0x61, 0x7B)]] = LETTER
CLASSES[range(0x30, 0x3A)] = DIGIT
CLASSES[list(b'!"#$%&()*+,-./:;<=>?@[\\]^_{|}~')] = MARK  # less what may stand inside a word
LEADS = np.zeros(256, bool)
LEADS[[0xC3, 0xC4, 0xC5, 0xD0, 0xD1]] = True  # U+00C0 to U+017F and U+0400 to U+047F
NO_LETTER = (0x97, 0xB7)  # second bytes of × and ÷, the only ones among them that are no letters


def cut_pieces(texts: pa.Array) -> tuple[pa.Array, np.ndarray]:
    """Cut documents into pieces: binary[pieces], and int64[documents], how many each has.

    A run of white space goes to a piece of its own, but for its last character: a space there goes
    with the word behind it, anything else is another piece. Letters, digits and marks part, where
    they are common ones.

    >>> pieces, counts = cut_pieces(pa.array(["бер, ике", "өч"]))
    >>> [piece.decode() for piece in pieces.to_pylist()], counts.tolist()
    (['бер', ',', ' ике', 'өч'], [3, 1])
    """
    texts = texts.cast(pa.large_binary())
    first, last = texts.offset, texts.offset + len(texts)
    _, offsets, data = texts.buffers()
    bounds = np.frombuffer(offsets, np.int64)[first : last + 1]
    if len(texts) == 0 or bounds[-1] == bounds[0]:
        return pa.array([], pa.large_binary()), np.zeros(len(texts), np.int64)
    text = np.frombuffer(data, np.uint8)[bounds[0] : bounds[-1]]
    bounds = bounds - bounds[0]
    begins = _find_cuts(text, bounds)
    cuts = np.flatnonzero(begins)
    per_document = np.diff(np.searchsorted(cuts, bounds))
    ends = np.append(cuts, len(text)).astype(np.int64)
    pieces = pa.Array.from_buffers(
        pa.large_binary(), len(cuts), [None, pa.py_buffer(ends), pa.py_buffer(text)]
    )
    return pieces, per_document


def _find_cuts(text: np.ndarray, bounds: np.ndarray) -> np.ndarray:
    """bool[bytes]: whether a piece begins there. `bounds`: where documents begin, and the end."""
    whole = bounds[:-1][np.diff(bounds) > 0]
    document = np.zeros(len(text) + 1, bool)
    document[bounds] = True
    white = WHITE[text]
    before = np.concatenate(([False], white[:-1]))
    after = np.concatenate((white[1:], [False]))
    starts, ends = document[:-1], document[1:]  # a document begins, ends with this byte
    begins = starts.copy()
    begins |= white & ~before  # a run of white space
    last = white & ~after & ~ends  # its last character, with a word behind it
    begins |= last
    begins[1:] |= (last & (text != SPACE))[:-1]
    classes = _classes(text)
    begins[1:] |= (classes[1:] != classes[:-1]) & (classes[1:] > 0) & (classes[:-1] > 0)
    for start, end in _with_rare_white(text, bounds):
        begins[start:end] = False
        begins[start] = True
    assert begins[whole].all()
    return begins


def _classes(text: np.ndarray) -> np.ndarray:
    """uint8[bytes]: the class of the character that each byte belongs to."""
    classes = CLASSES[text]
    letter = LEADS[text[:-1]] & (text[1:] >= 0x80) & ~np.isin(text[1:], NO_LETTER)
    classes[:-1][letter] = LETTER
    classes[1:][letter] = LETTER
    return classes


def are_words(pieces: pa.Array) -> np.ndarray:
    """bool[pieces]: whether a piece is surely one word, which `cuts.WORDS` would not cut.

    That is letters of the commonest alphabets, a space before them or not, apostrophes between.
    """
    _, offsets, data = pieces.buffers()
    bounds = np.frombuffer(offsets, np.int64)[pieces.offset : pieces.offset + len(pieces) + 1]
    text = np.frombuffer(data, np.uint8)[bounds[0] : bounds[-1]]
    bounds = bounds - bounds[0]
    letter = _classes(text) == LETTER
    fine = letter.copy()
    fine[1:-1] |= (text[1:-1] == APOSTROPHE) & letter[:-2] & letter[2:]
    first, last = bounds[:-1], bounds[1:] - 1
    fine[first] = letter[first] | (text[first] == SPACE)
    fine[last] &= letter[last]
    return np.logical_and.reduceat(fine, first)


def _with_rare_white(text: np.ndarray, bounds: np.ndarray) -> Iterator[tuple[int, int]]:
    """Where the documents begin and end that hold white space beyond ASCII."""
    seen = -1
    for match in RARE_WHITE.finditer(text):  # type: ignore[call-overload]
        index = int(np.searchsorted(bounds, match.start(), side="right")) - 1
        if index != seen:
            seen = index
            yield int(bounds[index]), int(bounds[index + 1])


def count_pieces(texts: Iterable[str]) -> tuple[pa.Array, np.ndarray]:
    """The different pieces of a text, binary[pieces], and int64[pieces], how often each occurs."""
    counted = []
    for group in groups(texts, 4 << 20):
        pieces, _ = cut_pieces(pa.array(group, pa.large_string()))
        counted.append(pa.Table.from_struct_array(pieces.value_counts()))
    if not counted:
        return pa.array([], pa.large_binary()), np.zeros(0, np.int64)
    found = pa.concat_tables(counted).group_by("values", use_threads=False)
    summed = found.aggregate([("counts", "sum")]).combine_chunks()
    counts = summed["counts_sum"].to_numpy().astype(np.int64)
    return summed["values"].combine_chunks(), counts
