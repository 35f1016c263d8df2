"""`python -m tests.bench [part ...] [--megabytes N]`: every part, or those named."""

import argparse


def training(_: argparse.Namespace) -> None:
    from tests.bench.models import training

    training()


def shakespeare(_: argparse.Namespace) -> None:
    from tests.bench.shakespeare import shakespeare

    shakespeare()


def generation(_: argparse.Namespace) -> None:
    from tests.bench.generation import generation

    generation()


def serving(_: argparse.Namespace) -> None:
    from tests.bench.serving import serving

    serving()


def encoding(options: argparse.Namespace) -> None:
    from tests.bench.encoding import MEGABYTES, encoding

    encoding(options.megabytes or MEGABYTES)


def encoding_memory(options: argparse.Namespace) -> None:
    from tests.bench.encoding import memory
    from tests.bench.scaling import MEGABYTES

    memory(options.megabytes or MEGABYTES)


def tokenizers(options: argparse.Namespace) -> None:
    from tests.bench.tokenizers import MEGABYTES, tokenizers

    tokenizers(options.megabytes or MEGABYTES)


def cleaning(options: argparse.Namespace) -> None:
    from tests.bench.cleaning import MEGABYTES, cleaning

    cleaning(options.megabytes or MEGABYTES)


def scaling(options: argparse.Namespace) -> None:
    from tests.bench.scaling import MEGABYTES, scaling

    scaling(options.megabytes or MEGABYTES)


PARTS = {
    part.__name__: part
    for part in (
        training,
        shakespeare,
        generation,
        serving,
        tokenizers,
        encoding,
        encoding_memory,
        cleaning,
        scaling,
    )
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="part", help=", ".join(PARTS))
    parser.add_argument("--megabytes", type=float, help="text at most, where there is much")
    options = parser.parse_args()
    unknown = [name for name in options.parts if name not in PARTS]
    if unknown:
        parser.error(f"no such part: {', '.join(unknown)}; parts are {', '.join(PARTS)}")
    for name in options.parts or PARTS:
        PARTS[name](options)


if __name__ == "__main__":
    main()
