"""Near-duplicates: which texts say the same thing but for a few words, the end, or the numbers.

Comparing every text with every other is out of the question. Instead (Broder 1997, "On the
resemblance and containment of documents"; Leskovec, Rajaraman & Ullman, "Mining of Massive
Datasets", chapter 3):

    text -> set of character n-grams -> signature -> band hashes -> pairs that share one -> check

A signature is made of minima of hash functions over the set. Two signatures agree in one place
with the probability that is the Jaccard similarity of the sets: what both hold over what either
holds. A band is a few places together; texts that agree in a whole band are a pair worth a look
(locality-sensitive hashing, Indyk & Motwani 1998). With 16 bands of 4 places a pair of similarity
0.8 is found with probability 0.9998, one of 0.6 with 0.89, one of 0.2 with 0.03. What is found is
then compared word by word (`exact_similarity`): n-grams cannot tell a sentence that lost its last
word from one that names another person, and that is the whole difference.

Texts are `Measured.plain`: letters in lower case and single spaces. Numbers are not in it, so that
changed numbers change nothing. n-grams stay inside words, so that words may change places. Words
are what stands between spaces; where a language writes none, only long shared runs are found.

Signatures come from rensa: written in Rust, released and maintained in 2026, with wheels for the
usual machines, and the only library at hand that takes hashes of a whole batch as arrays:
datasketch, older and better known, took 5 to 9 times as long over the same hashes. Signatures
depend on the text and on rensa's version, which is pinned, and on nothing else.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from pipeline.cleaning.characters import SPACE, code_points

BANDS, ROWS = 16, 4
PERMUTATIONS = BANDS * ROWS
WORDS = 5  # shorter texts are alike by chance; that is a sentence of six that lost its last
CUT = 2 / 3  # of a text may be left where it was cut
CANDIDATE = 0.45  # estimated similarity from which on a pair is worth comparing exactly
THRESHOLD = 0.8  # exact similarity of near-duplicates
READ = 1 << 20  # characters of a text that are looked at
GRAM = 5
NOTHING = np.uint32(0xFFFFFFFF)  # all through the signature of a text that is too short

SEED = 1
BATCH_CHARACTERS = 1 << 16
# rensa starts threads for 256 texts and more, and a process forked after that would wait for
# threads that it does not have.
BATCH_TEXTS = 128
GATHER = 1 << 13  # pairs, or texts, whose signatures are in memory at a time

Signatures = NDArray[np.uint32]
Hashes = NDArray[np.uint64]
Pairs = NDArray[np.int64]

_P = 0x9E3779B97F4A7C15


def enough(plain: Sequence[str]) -> NDArray[np.bool_]:
    """Whether each text has words enough to be a near-duplicate. Shape [texts]."""
    return np.fromiter((text.count(" ") >= WORDS - 1 for text in plain), bool, len(plain))


def signatures(plain: Sequence[str]) -> Signatures:
    """The MinHash signature of each text; `NOTHING` where there are too few words.

    Args:
        plain: texts as in `Measured.plain`.

    Returns:
        Shape [texts, PERMUTATIONS].
    """
    from rensa import RMinHash

    found = np.full((len(plain), PERMUTATIONS), NOTHING, np.uint32)
    long = np.flatnonzero(enough(plain)).tolist()
    for part in _batches(long, [min(len(plain[i]), READ) for i in long]):
        hashes, begins = _shingles([plain[i][:READ] for i in part])
        matrix = RMinHash.digest_matrix_from_flat_token_hashes(
            hashes, begins, num_perm=PERMUTATIONS, seed=SEED
        )
        numbers = chain.from_iterable(matrix.to_rows())
        flat = np.fromiter(numbers, np.uint32, len(part) * PERMUTATIONS)
        found[part] = flat.reshape(len(part), PERMUTATIONS)
    return found


def bands(signatures: Signatures) -> Hashes:
    """The hash of each band of each signature: equal where two texts agree in that band.

    Hashes of different bands differ, so that those of all bands may lie in one heap. They are
    evenly spread, so that `hash % partitions` is a fair partition. Zero stands for a text that is
    too short, and matches nothing.

    Returns:
        Shape [texts, BANDS].
    """
    found = np.zeros((len(signatures), BANDS), np.uint64)
    salt = mix(np.arange(1, BANDS + 1, dtype=np.uint64))
    for begin in range(0, len(signatures), GATHER):
        some = signatures[begin : begin + GATHER].astype(np.uint64)
        rows = some.reshape(-1, BANDS, ROWS)
        hashes = np.broadcast_to(salt, rows.shape[:2])
        for place in range(ROWS):
            hashes = mix((hashes ^ rows[:, :, place]) * np.uint64(_P))
        hashes = np.maximum(hashes, np.uint64(1))
        found[begin : begin + GATHER] = np.where(some.min(1)[:, None] == NOTHING, 0, hashes)
    return found


def candidate_pairs(band_hashes: Hashes, positions: NDArray[np.int64]) -> Pairs:
    """Pairs of texts that share a band hash.

    A bucket of n texts would give n²/2 pairs. Each text is paired with the first of its bucket and
    with the one before it, which is every pair of up to three, and enough to hold a cluster of
    near-duplicates together, since those are compared with the first of them.

    Args:
        band_hashes: of one partition, of any bands, in any order. Shape [entries].
        positions: which text each belongs to, as its place in the corpus. Shape [entries].

    Returns:
        Each pair once, the earlier text first, in order. Shape [pairs, 2].
    """
    order = np.argsort(band_hashes)
    same = np.diff(band_hashes[order], prepend=np.uint64(0)) == 0  # as the one before, or nothing
    shared = same.copy()
    shared[:-1] |= same[1:]
    entries = order[shared & (band_hashes[order] != 0)]  # most hashes are alone: sort the others
    entries = entries[np.lexsort((positions[entries], band_hashes[entries]))]
    hashes, texts = band_hashes[entries], positions[entries]
    starts = np.ones(len(hashes), bool)
    starts[1:] = hashes[1:] != hashes[:-1]
    first = np.flatnonzero(starts)[np.cumsum(starts) - 1]
    later = np.flatnonzero(~starts)
    pairs = np.stack([texts[np.append(first[later], later - 1)], texts[np.tile(later, 2)]])
    width = np.int64(texts.max(initial=0)) + 1
    found = np.unique(pairs[0] * width + pairs[1])
    pairs = np.stack(np.divmod(found, width), axis=1)
    return pairs[pairs[:, 0] != pairs[:, 1]]


def similarity(signatures: Signatures, pairs: Pairs) -> NDArray[np.float32]:
    """The estimated Jaccard similarity of the n-grams of each pair; its standard error is 0.06.

    Args:
        signatures: of the whole corpus; a memory map will do.
        pairs: positions in it. Shape [pairs, 2].

    Returns:
        Shape [pairs], from 0 to 1.
    """
    found = np.zeros(len(pairs), np.float32)
    for begin in range(0, len(pairs), GATHER):
        one, other = (signatures[pairs[begin : begin + GATHER, side]] for side in (0, 1))
        found[begin : begin + GATHER] = ((one == other) & (one != NOTHING)).mean(axis=1)
    return found


def exact_similarity(one: str, other: str) -> float:
    """How much two texts are the same, word by word, from 0 to 1.

    1 where one is the other with words in another order, or with an end cut off and at least `CUT`
    of it left, or with both ends cut off, within a word or not. Otherwise the words that both hold
    over those that either holds, each as often as it occurs: to be near at 0.8 takes nine words for
    one of them to be another, since in fewer it makes another sentence of the same mould.

    >>> exact_similarity("шәһәрдә бүген кояшлы һәм җылы көн", "бүген шәһәрдә җылы һәм кояшлы көн")
    1.0
    >>> exact_similarity("бер мең тугыз йөз икенче ел", "бер мең тугыз йөз өченче ел")
    0.7142857142857143
    """
    short, long = sorted((one, other), key=len)
    words, others = short.split(" "), long.split(" ")
    both = (Counter(words) & Counter(others)).total()
    if len(short) >= CUT * len(long):
        if short in long:
            return 1.0
        size = len(words)
        if both == size and Counter(words) in (Counter(others[:size]), Counter(others[-size:])):
            return 1.0
    return both / (len(words) + len(others) - both)


def near(
    pairs: Pairs, similarity: NDArray[np.floating], threshold: float, count: int
) -> NDArray[np.bool_]:
    """Which texts to drop: those near an earlier one, be that dropped itself or not.

    So of texts that hang together the first is kept, and every pair is judged by itself, in any
    order and any process. (To ask whether the earlier one is kept would leave in a copy of a
    text that fell to a third.)

    Args:
        pairs: the earlier text first. Shape [pairs, 2].
        similarity: of each pair. Shape [pairs].
        threshold: the least similarity of near-duplicates.
        count: texts in the corpus.

    Returns:
        Shape [count].
    """
    dropped = np.zeros(count, bool)
    dropped[pairs[similarity >= threshold, 1]] = True
    return dropped


def _batches(texts: list[int], lengths: list[int]) -> Iterator[list[int]]:
    """Texts in order, some at a time, so that the arrays over their characters stay small."""
    begin = characters = 0
    for end, length in enumerate(lengths, 1):
        characters += length
        if characters >= BATCH_CHARACTERS or end - begin == BATCH_TEXTS or end == len(texts):
            yield texts[begin:end]
            begin, characters = end, 0


def _shingles(plain: Sequence[str]) -> tuple[Hashes, Hashes]:
    """Hashes of all n-grams of `GRAM` characters inside words with a blank on either side, and of
    words too short for one.

    Common words are short in most languages and have few n-grams, so that rare ones count for
    more, with no list of either.

    Returns:
        The hashes, text after text, some more than once; where those of each text begin, and the
        end. Shapes [hashes] and [texts + 1].
    """
    points, starts, _ = code_points(plain)
    codes: Hashes = np.append(points, np.uint32(SPACE)).astype(np.uint64)
    blank = codes <= SPACE
    codes[blank] = SPACE
    inside = ~blank
    # The polynomial of five characters, the last of which is at each place.
    p = [np.uint64(_P**power % 2**64) for power in range(GRAM)]
    two = codes.copy()
    two[1:] += codes[:-1] * p[1]
    hashes = two.copy()
    hashes[2:] += two[:-2] * p[2]
    hashes[4:] += codes[:-4] * p[4]
    whole = np.zeros(len(codes), bool)
    whole[4:] = inside[3:-1] & inside[2:-2] & inside[1:-3]
    # The words of one and two letters, where they end.
    ends = blank[2:] & inside[1:-1]
    one = np.flatnonzero(ends & blank[:-2]) + 2
    pair = np.flatnonzero(ends[1:] & inside[1:-2] & blank[:-3]) + 3
    hashes[one] = two[one] + p[3]
    hashes[pair] = two[pair] + codes[pair - 2] * p[2] + p[3]
    whole[one] = whole[pair] = True
    counts = np.add.reduceat(whole[1:], starts, dtype=np.int64)
    begins = np.append(0, np.cumsum(counts)).astype(np.uint64)
    return mix(hashes[whole]), begins


def mix(hashes: Hashes) -> Hashes:
    """Spread hashes evenly over 64 bits, one to one (the finaliser of Vigna's SplitMix64)."""
    hashes = (hashes ^ (hashes >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    hashes = (hashes ^ (hashes >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return hashes ^ (hashes >> np.uint64(31))
