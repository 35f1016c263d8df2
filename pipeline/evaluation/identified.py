"""Is what a model writes in the language? Asked of the kind of identifier that cleaned its text."""

from collections.abc import Iterable
from itertools import islice

from pipeline.cleaning.characters import Characters
from pipeline.cleaning.choose import choose_identifier
from pipeline.cleaning.normalise import normalise
from pipeline.cleaning.sample import Sample
from pipeline.corpus.identifiers import identifier_file
from pipeline.errors import UserError
from pipeline.evaluation.samples import Identify
from pipeline.languages import language_from_text, load_language
from pipeline.params import CleaningParams

DOCUMENTS = 60_000  # of the training text, that tell how the language looks


def make_identify(code: str, cleaning: CleaningParams, training: Iterable[str]) -> Identify | None:
    """The identifier that `cleaning` asks for, made from clean text; None where it asks for none.

    Where the text is too little to make one, a line says so and there is none.
    """
    if not cleaning.enabled or cleaning.identifier == "none":
        return None
    texts = normalise(list(islice(training, DOCUMENTS)))
    sample = Sample()
    sample.read(texts, cleaning.seed)
    try:
        characters = Characters(load_language(code) or language_from_text(code, texts))
        ready = cleaning.identifier != "made"
        path = identifier_file(cleaning.identifier)[0] if ready else None
        identifier, _ = choose_identifier(
            cleaning, path, characters.language, characters, sample.finish(characters)
        )
    except UserError as error:
        print(f"samples are not identified: {error}", flush=True)
        return None

    def identify(written: list[str]) -> list[bool]:
        lines = normalise([" ".join(text.split()) for text in written])
        return identifier.judge(characters.measure(lines).plain, lines).inside.tolist()

    return identify
