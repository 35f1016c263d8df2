"""SentencePiece's own files (`tokenizer.model`, `spiece.model`, `*.model`) as tokenizer files.

Such a file holds its pieces with scores, how text is normalised, and whether letters outside the
vocabulary fall back to bytes (Kudo & Richardson 2018, https://aclanthology.org/D18-2012).
"""

from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers

from pipeline.errors import UserError
from pipeline.tokenization.cuts import METASPACE

UNIGRAM, BPE = 1, 2  # kinds of models
CONTROL, USER = 3, 4  # kinds of pieces


def model_file(folder: Path) -> Path | None:
    """The SentencePiece file of a folder, if there is exactly one."""
    found = sorted(folder.glob("*.model")) if folder.is_dir() else []
    return found[0] if len(found) == 1 else None


def from_sentencepiece(file: Path) -> Tokenizer:
    """A tokenizer with the ids of a SentencePiece model.

    Raises:
        UserError: the file is none, or of a kind other than unigram and BPE.
    """
    from google.protobuf.message import DecodeError
    from transformers.utils import sentencepiece_model_pb2_new

    messages: Any = sentencepiece_model_pb2_new  # its classes are made when it is imported
    stored = messages.ModelProto()
    try:
        stored.ParseFromString(file.read_bytes())
    except DecodeError:
        stored.Clear()
    pieces = [(piece.piece, piece.score) for piece in stored.pieces]
    how = stored.trainer_spec
    if not pieces or how.model_type not in (UNIGRAM, BPE):
        raise UserError(f"tokenizer.ready: {file} is no SentencePiece model of unigrams or BPE")
    model: models.Model
    if how.model_type == UNIGRAM:
        model = models.Unigram(pieces, unk_id=how.unk_id, byte_fallback=how.byte_fallback)
    else:
        model = models.BPE(
            {piece: index for index, (piece, _) in enumerate(pieces)},
            _merges(pieces),
            unk_token=how.unk_piece,
            fuse_unk=True,
            byte_fallback=how.byte_fallback,
        )
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = _normalizer(stored.normalizer_spec)
    steps = [decoders.Replace(METASPACE, " "), decoders.ByteFallback(), decoders.Fuse()]
    if stored.normalizer_spec.add_dummy_prefix:
        steps.append(decoders.Strip(" ", 1, 0))
    tokenizer.decoder = decoders.Sequence(steps)
    for piece in stored.pieces:
        if piece.type in (CONTROL, USER):
            added = AddedToken(piece.piece, special=piece.type == CONTROL, normalized=False)
            tokenizer.add_special_tokens([added]) if added.special else tokenizer.add_tokens(
                [added]
            )
    return tokenizer


def _normalizer(how: Any) -> normalizers.Normalizer:
    steps: list[Any] = []
    if how.precompiled_charsmap:
        steps.append(normalizers.Precompiled(how.precompiled_charsmap))
    if how.remove_extra_whitespaces:
        steps += [normalizers.Strip(), normalizers.Replace(Regex(" {2,}"), " ")]
    if how.add_dummy_prefix:
        steps.append(normalizers.Prepend(METASPACE))
    return normalizers.Sequence([*steps, normalizers.Replace(" ", METASPACE)])


def _merges(pieces: list[tuple[str, float]]) -> list[tuple[str, str]]:
    """All pairs of pieces that make a piece, in the order of the scores of what they make."""
    place = {piece: index for index, (piece, _) in enumerate(pieces)}
    found = []
    for piece, score in pieces:
        pairs = [(piece[:cut], piece[cut:]) for cut in range(1, len(piece))]
        whole = [pair for pair in pairs if pair[0] in place and pair[1] in place]
        found += [
            (-score, place[piece], place[left], place[right], (left, right))
            for left, right in whole
        ]
    return [pair for *_, pair in sorted(found)]
