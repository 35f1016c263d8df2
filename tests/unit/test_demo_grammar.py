"""The demo's Tatar against real forms.

Every form in the tables was accepted by an independent morphological analyser (apertium-tat), and
most of them occur in the Tatar sentences of Common Voice.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.corpus.demo.lexicon import noun, verbs
from pipeline.corpus.demo.nouns import CASES, PERSONS, PRONOUNS, Noun
from pipeline.corpus.demo.render import Scene, capitalise
from pipeline.corpus.demo.sounds import VOICELESS, is_front, join
from pipeline.corpus.demo.verbs import Verb

NOUNS = """
китап  pl:китаплар p1sg:китабым p2sg:китабың p3:китабы p1pl:китабыбыз p2pl:китабыгыз
китап  gen:китапның dat:китапка acc:китапны abl:китаптан loc:китапта
китап  p3.gen:китабының p3.dat:китабына p3.acc:китабын p3.abl:китабыннан p3.loc:китабында
урман  pl:урманнар gen:урманның dat:урманга acc:урманны abl:урманнан loc:урманда
урман  pl.dat:урманнарга
ат     pl:атлар p1sg:атым p3:аты p3.dat:атына p3.acc:атын p3.abl:атыннан dat:атка abl:аттан
эт     pl:этләр p1sg:этем p3.dat:этенә dat:эткә acc:этне
балык  pl:балыклар p1sg:балыгым p3:балыгы dat:балыкка abl:балыктан
үрдәк  pl:үрдәкләр p3:үрдәге p3.acc:үрдәген dat:үрдәккә
су     pl:сулар p3:суы p3.dat:суына dat:суга abl:судан loc:суда
тау    pl:таулар p3:тавы dat:тауга abl:таудан
бакча  pl:бакчалар p3:бакчасы p3.loc:бакчасында loc:бакчада dat:бакчага
өй     pl:өйләр p1sg:өем p3:өе p3.dat:өенә p3.loc:өендә dat:өйгә loc:өйдә
чәй    p3:чәе acc:чәйне abl:чәйдән
әни    p1sg:әнием p3:әнисе p3.dat:әнисенә acc:әнине
абый   p1sg:абыем p3:абыйсы
бабай  p1sg:бабам p3:бабасы
эне    p1sg:энем p3:энесе
сеңел  p1sg:сеңлем p3:сеңлесе
күрше  pl:күршеләр p1pl:күршебез
ел     pl:еллар dat:елга loc:елда
елга   pl:елгалар loc:елгада
мәктәп pl:мәктәпләр loc:мәктәптә dat:мәктәпкә
көн    pl:көннәр gen:көннең
дөнья  dat:дөньяга loc:дөньяда
"""

VERBS = """
бар   pres.1sg:барам pres.2sg:барасың pres.3sg:бара pres.1pl:барабыз
бар   pres.2pl:барасыз pres.3pl:баралар
бар   past.1sg:бардым past.2sg:бардың past.3sg:барды past.1pl:бардык
бар   past.2pl:бардыгыз past.3pl:бардылар
бар   fut.1sg:барачакмын fut.3sg:барачак fut.1pl:барачакбыз neg.fut.3sg:бармаячак
бар   neg.pres.1sg:бармыйм neg.pres.3sg:бармый neg.past.3sg:бармады neg.past.1sg:бармадым
бар   inf:барырга conv:барып part:барган imp:бар
кил   pres.3sg:килә neg.pres.3sg:килми past.3sg:килде neg.past.3sg:килмәде fut.3sg:киләчәк
кил   inf:килергә conv:килеп part:килгән
эшлә  pres.3sg:эшли pres.1sg:эшлим past.3sg:эшләде neg.pres.3sg:эшләми inf:эшләргә conv:эшләп
эшлә  part:эшләгән fut.3sg:эшләячәк
укы   pres.3sg:укый pres.1sg:укыйм past.3sg:укыды inf:укырга conv:укып part:укыган
укы   neg.pres.3sg:укымый fut.3sg:укыячак
чык   pres.3sg:чыга past.3sg:чыкты inf:чыгарга conv:чыгып part:чыккан neg.pres.3sg:чыкмый
тап   pres.3sg:таба past.3sg:тапты inf:табарга conv:табып part:тапкан
куй   pres.3sg:куя past.3sg:куйды conv:куеп part:куйган
җый   pres.3sg:җыя past.3sg:җыйды conv:җыеп
йөр   pres.3sg:йөри past.3sg:йөрде inf:йөрергә part:йөргән
сау   pres.3sg:сава past.3sg:сауды inf:саварга conv:савып
көт   pres.3sg:көтә past.3sg:көтте inf:көтәргә
"""


def table(text: str) -> list[tuple[str, str, str]]:
    rows = []
    for line in text.strip().splitlines():
        word, *cells = line.split()
        for cell in cells:
            name, _, form = cell.partition(":")
            rows.append((word, name, form))
    return rows


@pytest.mark.parametrize(("lemma", "name", "expected"), table(NOUNS))
def test_noun_forms_are_the_real_ones(lemma: str, name: str, expected: str) -> None:
    assert noun(lemma).form(name.split(".")) == expected


@pytest.mark.parametrize(("stem", "name", "expected"), table(VERBS))
def test_verb_forms_are_the_real_ones(stem: str, name: str, expected: str) -> None:
    assert verbs()[stem].form(name.split(".")) == expected


def test_the_tables_are_large_enough_to_mean_something() -> None:
    assert len(table(NOUNS)) >= 80 and len(table(VERBS)) >= 60


back_stems = st.from_regex(r"[бгдкмнпртсл][аоуы][бдгзклмнпрстш]", fullmatch=True)
front_stems = st.from_regex(r"[бгдкмнпртсл][әөүе][бдгзклмнпрстш]", fullmatch=True)
features = st.tuples(
    st.sampled_from([(), ("pl",)]),
    st.sampled_from([(), *[(person,) for person in PERSONS]]),
    st.sampled_from([(), *[(case,) for case in CASES]]),
).map(lambda parts: [name for part in parts for name in part])


@given(back_stems, features)
def test_back_stems_take_only_back_vowels(stem: str, names: list[str]) -> None:
    suffix = Noun(stem).form(names)[len(stem) :]
    assert not set(suffix) & set("әөүеи")


@given(front_stems, features)
def test_front_stems_take_only_front_vowels(stem: str, names: list[str]) -> None:
    suffix = Noun(stem).form(names)[len(stem) :]
    assert not set(suffix) & set("аоуы")


@given(st.one_of(back_stems, front_stems), st.sampled_from(["LAр", "GA", "DA", "ZAн"]))
def test_consonants_assimilate(stem: str, suffix: str) -> None:
    first = join(stem, suffix)[len(stem)]
    if stem[-1] in VOICELESS:
        assert first in ("л" if suffix == "LAр" else "кт")
    elif stem[-1] in "мнң":
        assert first == {"LAр": "н", "GA": "г", "DA": "д", "ZAн": "н"}[suffix]
    else:
        assert first in "лгд"


@given(st.sampled_from(sorted(verbs())), st.sampled_from(["pres", "past", "fut", "cond"]))
def test_every_verb_has_six_different_persons(stem: str, tense: str) -> None:
    forms = [verbs()[stem].form([tense, p]) for p in ("1sg", "2sg", "3sg", "1pl", "2pl", "3pl")]
    assert len(set(forms)) == 6
    negative = [verbs()[stem].form(["neg", tense, p]) for p in ("1sg", "3sg")]
    assert not set(forms) & set(negative)


def test_a_form_that_no_word_has_is_refused() -> None:
    with pytest.raises(ValueError, match="no such form"):
        noun("ат").form(["dative"])
    with pytest.raises(ValueError, match="no such form"):
        Verb("бар", "Yр").form(["past"])
    with pytest.raises(ValueError, match="no such form"):
        PRONOUNS["1sg"].form(["pl"])
    with pytest.raises(ValueError, match="no vowel"):
        is_front("брр")


def test_an_unknown_slot_is_refused() -> None:
    import random

    with pytest.raises(ValueError, match="nosuch"):
        Scene(random.Random(0)).render("{nosuch dat}")


def test_sentences_begin_with_capitals_but_not_the_answer_after_a_dash() -> None:
    assert capitalise("ул — табиб. — ул кем? — табиб.") == "Ул — табиб. — Ул кем? — Табиб."
