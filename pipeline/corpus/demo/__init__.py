"""A small invented world, told in Tatar by a grammar of our own: the corpus of the demo run.

Every fact and every dirty line in it is known, so that cleaning has a ground truth and question
answering has an answer key. It needs no network. It never stands in for another corpus.
"""

from typing import Any

from pipeline.corpus.demo.documents import demo_documents
from pipeline.corpus.demo.pairs import demo_pairs
from pipeline.corpus.demo.world import Settings, make_world, questions

__all__ = ["demo_documents", "demo_facts", "demo_pairs"]


def demo_facts(settings: Settings) -> dict[str, Any]:
    """All questions about the facts of the world, as data/probes/facts.json holds them."""
    return {"questions": list(questions(make_world(settings)))}
