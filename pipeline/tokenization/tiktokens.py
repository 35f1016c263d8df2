"""The tokenizers of tiktoken, such as GPT-2's, as tokenizer files.

tiktoken keeps no merges: it has the tokens in the order in which they were made, and joins what
gives the earliest token. The two parts of a token are found again by encoding it with the tokens
before it. The first use of a name downloads it; a folder with OpenAI's `vocab.bpe` and
`encoder.json` needs no network.
"""

from itertools import pairwise
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers

from pipeline.errors import UserError
from pipeline.tokenization.tokenizer import BOS, byte_alphabet, encode_text

PREFIX = "tiktoken:"
GPT2 = ("vocab.bpe", "encoder.json")
CHECKED = (
    " two  spaces ",
    "tab\tand\nnewline\r\n \n\n x",
    "It's 1234567,89 — don't!",
    "n'umwana, l’eau",
    "е\u0301 татарча 漢字 हिन्दी 🙂",
    "\u00a0\u3000 \u2028x\u0085",
)

Ranks = dict[bytes, int]


def is_gpt2_folder(path: Path) -> bool:
    """Does a folder hold GPT-2's tokenizer in the files that OpenAI gave out?"""
    return all((path / file).is_file() for file in GPT2)


def from_tiktoken(name: str) -> Tokenizer:
    """The tokenizer `tiktoken:NAME` or of a folder with `GPT2`, with the same ids for any text.

    Raises:
        UserError: tiktoken is not installed, does not know it or cannot load it, or the result
            gives other ids.
    """
    try:
        import tiktoken
        from tiktoken.load import data_gym_to_mergeable_bpe_ranks
        from tiktoken_ext.openai_public import r50k_pat_str
    except ImportError:
        raise UserError(
            f"tokenizer.ready: {name} needs tiktoken: pip install -c requirements.lock tiktoken"
        ) from None
    name = name.removeprefix(PREFIX)
    folder = Path(name).expanduser()
    try:
        if is_gpt2_folder(folder):
            merges, vocabulary = (str(folder / file) for file in GPT2)
            ranks = data_gym_to_mergeable_bpe_ranks(merges, vocabulary)
            encoding = tiktoken.Encoding(
                "gpt2",
                pat_str=r50k_pat_str,
                mergeable_ranks=ranks,
                special_tokens={BOS: len(ranks)},
            )
        else:
            encoding = tiktoken.get_encoding(name)
    except (OSError, ValueError, AssertionError, KeyError) as error:
        said = " ".join(str(error).split())[:200] or "vocab.bpe and encoder.json do not agree"
        raise UserError(
            f"tokenizer.ready: tiktoken cannot load {name} ({said}): its first use needs the "
            f"network; a folder with {' and '.join(GPT2)} does not"
        ) from None
    tokenizer = convert(encoding, is_gpt2=encoding._pat_str == r50k_pat_str)
    for text in CHECKED:
        if encode_text(tokenizer, text) != encoding.encode_ordinary(text):
            raise UserError(
                f"tokenizer.ready: {name} cannot be written as a tokenizer file: it cuts {text!r} "
                "in another way"
            )
    return tokenizer


def convert(encoding: Any, is_gpt2: bool) -> Tokenizer:
    """A tokenizer with the ids of a `tiktoken.Encoding`."""
    ranks: Ranks = encoding._mergeable_ranks
    letters = {byte: letter for letter, byte in byte_alphabet().items()}
    spelt = {token: "".join(letters[byte] for byte in token) for token in ranks}
    vocabulary = {spelt[token]: rank for token, rank in ranks.items()}
    merges = [(spelt[left], spelt[right]) for left, right in merges_of(ranks)]
    special = sorted(encoding._special_tokens.items(), key=lambda item: item[1])
    tokenizer = Tokenizer(
        models.BPE(vocabulary | dict(special), merges, ignore_merges=True)  # whole words first
    )
    by_bytes = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=is_gpt2)
    tokenizer.pre_tokenizer = by_bytes
    if not is_gpt2:
        words = pre_tokenizers.Split(Regex(as_onig(encoding._pat_str)), "isolated")
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence([words, by_bytes])
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(
        [AddedToken(token, special=True, normalized=False) for token, _ in special]
    )
    tokenizer.encode_special_tokens = True
    return tokenizer


def as_onig(pattern: str) -> str:
    """A pattern of tiktoken as the library's expressions say it.

    There `$` is also the end of a line, and a + behind {1,3} repeats it.
    """
    return pattern.replace("{1,3}+", "{1,3}").replace("$", r"\z")


def merges_of(ranks: Ranks) -> list[tuple[bytes, bytes]]:
    """The merges that make the tokens of `ranks`, in their order.

    >>> merges_of({b"a": 0, b"b": 1, b"ab": 2, b"aab": 3})
    [(b'a', b'b'), (b'a', b'ab')]
    """
    merges = []
    for token, rank in sorted(ranks.items(), key=lambda item: item[1]):
        if len(token) > 1:
            parts = _parts(token, ranks, rank)
            if len(parts) == 2:  # more: only the whole word is ever this token
                merges.append((parts[0], parts[1]))
    return merges


def _parts(token: bytes, ranks: Ranks, before: int) -> list[bytes]:
    """Encode one token with the tokens of a rank `before` its own."""
    parts = [token[place : place + 1] for place in range(len(token))]
    while len(parts) > 1:
        joined = [
            (ranks.get(left + right, before), place)
            for place, (left, right) in enumerate(pairwise(parts))
        ]
        rank, place = min(joined)
        if rank >= before:
            break
        parts[place : place + 2] = [parts[place] + parts[place + 1]]
    return parts
