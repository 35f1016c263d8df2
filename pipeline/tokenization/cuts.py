"""Where text is cut before it becomes tokens: the same words for every kind of tokenizer.

No token crosses a cut. The cuts suit languages that English tools forget:

- combining marks and joiners stay with their letter;
- apostrophes inside a word stay, whichever of the keyboard's is typed (Kinyarwanda n'umwana); the
  modifier letters that Uzbek, Kabyle and others write for them are letters anyway (oʻzbek);
- a word may mix scripts: `iPhone'ны` is one word, and so is `həм` with a Latin ə;
- dashes cut: what they join are words of their own (Tatar әни-әти, Kabyle d-yewwid);
- a word takes the space before it along;
- numbers fall into digits, so that 2024 is not one name among thousands.

What differs between kinds is how a word is then spelt, in one of four ways:

- `by_bytes`: each byte of its UTF-8 by a printable character (the table of GPT-2), nothing is lost;
- `by_metaspace`: as it is, with ▁ for each space (as SentencePiece has it), and letters outside the
  vocabulary by tokens such as <0xD3>, one for each byte. A ▁ that is in the text becomes `_▁`,
  which no text spells, since a space stands only before a word and never behind one;
- `by_characters`: as it is, with the same tokens for bytes;
- `by_word_pieces`: as `by_bytes`, where what continues a word begins with ##. A # is a word of its
  own, so that no word begins like a continuation; words end after `LONGEST` characters, since the
  model takes quadratic time.
"""

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers

METASPACE = "▁"
LITERAL = "_▁"  # a ▁ of the text itself
CONTINUES = "##"
LONGEST = 40  # characters

LETTERS = r"[\p{L}\p{M}\u200C\u200D]+"


def _words(also: str = "", never: str = "") -> str:
    return (
        also + rf" ?{LETTERS}(?:['’‘`´′＇]{LETTERS})*"  # a word with the space before it
        r"| ?\p{N}"  # one digit
        rf"| ?(?:{never}[^\s\p{{L}}\p{{M}}\p{{N}}\u200C\u200D])+"  # punctuation and symbols
        r"|\s+(?!\S)"  # white space, less the last one before a word
        r"|\s+"
    )


WORDS = _words()


def by_bytes(model: models.Model) -> Tokenizer:
    """A tokenizer around `model`, whose alphabet is `tokenizer.byte_alphabet`."""
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(WORDS), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def by_metaspace(model: models.Model) -> Tokenizer:
    """A tokenizer around `model`, which has `LITERAL` and a token for each byte."""
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = normalizers.Replace(METASPACE, LITERAL)
    words = _words(rf"{LITERAL}|", rf"(?!{LITERAL})")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(words), "isolated"),
            pre_tokenizers.Metaspace(METASPACE, prepend_scheme="never", split=False),
        ]
    )
    tokenizer.decoder = decoders.Sequence(
        [
            decoders.Replace(Regex(rf"(?<!_){METASPACE}"), " "),
            decoders.Replace(LITERAL, METASPACE),
            decoders.ByteFallback(),
            decoders.Fuse(),
        ]
    )
    return tokenizer


def by_characters(model: models.Model) -> Tokenizer:
    """A tokenizer around `model`, which has a token for each byte."""
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(WORDS), "isolated")
    tokenizer.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Fuse()])
    return tokenizer


def by_word_pieces(model: models.Model) -> Tokenizer:
    """A tokenizer around `model`, which has `tokenizer.byte_alphabet` with ## and without."""
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(WORDS), "isolated"),
            pre_tokenizers.Split("#", "isolated"),
            pre_tokenizers.Split(Regex(rf"(?m:.){{1,{LONGEST}}}"), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace(Regex(rf"\A{CONTINUES}"), ""), decoders.ByteLevel()]
    )
    return tokenizer
