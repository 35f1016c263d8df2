"""Which licence a model can have, from those of the texts that it was made from.

Whether a model derives from its texts in the sense of copyright law is open; who gives one away is
on the safe side where its licence asks for all that theirs ask for. So the strictest wins. Where
that is unclear (a licence that is not in the table, or two that shut each other out) nothing is
guessed: whoever publishes names the licence.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from pipeline.errors import UserError

FREE, ATTRIBUTION, SHARE_ALIKE, NON_COMMERCIAL, NO_DERIVATIVES = range(5)

# The Hub's identifiers (https://huggingface.co/docs/hub/repositories-licenses) by what they ask
# for; of licences that ask for the same, a later one holds for a mixture with the earlier ones.
TABLE = {
    "unlicense": FREE,
    "pddl": FREE,
    "cc0-1.0": FREE,
    "mit": ATTRIBUTION,
    "bsd-3-clause": ATTRIBUTION,
    "apache-2.0": ATTRIBUTION,
    "odc-by": ATTRIBUTION,
    "cc-by-2.0": ATTRIBUTION,
    "cc-by-2.5": ATTRIBUTION,
    "cc-by-3.0": ATTRIBUTION,
    "cc-by-4.0": ATTRIBUTION,
    "cc-by-sa-3.0": SHARE_ALIKE,
    "cc-by-sa-4.0": SHARE_ALIKE,
    "gfdl": SHARE_ALIKE,
    "odbl": SHARE_ALIKE,
    "gpl-3.0": SHARE_ALIKE,
    "cc-by-nc-3.0": NON_COMMERCIAL,
    "cc-by-nc-4.0": NON_COMMERCIAL,
    "cc-by-nc-sa-3.0": NON_COMMERCIAL,
    "cc-by-nc-sa-4.0": NON_COMMERCIAL,
    "cc-by-nd-4.0": NO_DERIVATIVES,
    "cc-by-nc-nd-4.0": NO_DERIVATIVES,
}
# What else people call them, after `_key`.
NAMES = {
    "cc0": "cc0-1.0",
    "public-domain": "cc0-1.0",
    "pd": "cc0-1.0",
    "odc-by-1.0": "odc-by",
    "apache-license-2.0": "apache-2.0",
    "odbl-1.0": "odbl",
    "gpl-3.0-or-later": "gpl-3.0",
    "gpl-3.0-only": "gpl-3.0",
}
# A later version of a share-alike licence may be used for what the earlier one covers.
LATER = {"cc-by-sa-3.0": "cc-by-sa-4.0", "cc-by-nc-sa-3.0": "cc-by-nc-sa-4.0"}


@dataclass(frozen=True)
class Licence:
    """`identifier` as the Hub writes it, and whether a person chose it or the sources did."""

    identifier: str
    chosen: bool = False


def hub_licence(name: str) -> str | None:
    """The Hub's identifier of a licence, None for one that is not in the table.

    >>> hub_licence("CC BY-SA 4.0"), hub_licence("public domain"), hub_licence("unknown")
    ('cc-by-sa-4.0', 'cc0-1.0', None)
    """
    key = re.sub(r"[^a-z0-9.]+", "-", name.strip().lower()).strip("-")
    key = NAMES.get(key, key)
    return key if key in TABLE else None


def licence_of(sources: Iterable[tuple[str, str]]) -> str:
    """The strictest licence of (name, licence) of each source, as the Hub writes it.

    Raises:
        UserError: a source's licence is not known, forbids adapted works, or shuts another out.
    """
    found: dict[str, str] = {}
    for name, licence in sources:
        identifier = hub_licence(licence)
        if identifier is None:
            raise UserError(
                f"the licence of the source {name} is {licence!r}, which tells nothing certain: "
                "write it into corpus.sources (such as CC BY 4.0), or name the model's with "
                "--licence"
            )
        if TABLE[identifier] == NO_DERIVATIVES:
            raise UserError(
                f"the source {name} is {licence}, which forbids adapted works: "
                "leave it out, or name the model's licence with --licence"
            )
        found.setdefault(identifier, name)
    if not found:
        raise UserError("no source is known: name the model's licence with --licence")
    order = list(TABLE)
    strictest = max(found, key=lambda one: (TABLE[one], order.index(one)))
    for other, name in found.items():
        if not _goes_into(other, strictest):
            raise UserError(
                f"the sources {name} ({other}) and {found[strictest]} ({strictest}) shut each "
                "other out: leave one of them out, or name the model's licence with --licence"
            )
    return strictest


def _goes_into(licence: str, strictest: str) -> bool:
    """Whether text under `licence` may be in a work under `strictest`, which asks for more.

    A share-alike licence goes into itself and its later version only.
    """
    keeps_its_own = TABLE[licence] == SHARE_ALIKE or "-sa-" in licence
    return not keeps_its_own or strictest in (licence, LATER.get(licence))


def choose_licence(named: str | None, sources: list[tuple[str, str]]) -> Licence:
    """What the user named, else what follows from the sources.

    Raises:
        UserError: `named` is no licence of the table; or as `licence_of`.
    """
    if named is None:
        return Licence(licence_of(sources))
    identifier = hub_licence(named)
    if identifier is None:
        raise UserError(f"--licence {named} is not known: take one of {', '.join(TABLE)}")
    return Licence(identifier, chosen=True)


def known_licence(sources: list[tuple[str, str]]) -> Licence | None:
    """What follows from the sources, None where a person must say it."""
    try:
        return Licence(licence_of(sources))
    except UserError:
        return None


def asks_for_more(identifier: str, sources: list[tuple[str, str]]) -> list[str]:
    """The sources whose own licence, where it is known, asks for more than `identifier` does."""
    asked = TABLE[identifier]
    return [
        f"{name} ({licence})"
        for name, licence in sources
        if (own := hub_licence(licence)) is not None and TABLE[own] > asked
    ]
