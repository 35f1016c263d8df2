"""Personal data: what identifies a person goes, and every other number stays."""

from collections import Counter

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.cleaning.personal import PLACEHOLDERS, hide

HIDDEN = [
    ("языгыз: gali.vali@example.tatar", "языгыз: <email>"),
    ("<mailto:a_b-c+d@mail.example.co.uk>.", "<mailto:<email>>."),
    ("anne-kirste.aikio(at)example.fi", "<email>"),
    ("Anne.Aikio (AT) x [at] example.fi", "Anne.Aikio (AT) <email>"),
    ("яз @ почта.рф ка", "<email> ка"),
    ("a@example.com,b@example.com", "<email>,<email>"),
    ("+7 (843) 292-12-34", "<phone>"),
    ("tel. +358 40 708 2072.", "tel. <phone>."),
    ("+ 47 917 42 161, Eanet", "<phone>, Eanet"),
    ("+250 788 123 456", "<phone>"),
    ("(+47) 78 47 40 90", "(<phone>"),
    ("00250788123456", "<phone>"),
    ("0788 123 456 na 0788123457", "<phone> na <phone>"),
    ("8 917 123 45 67", "<phone>"),
    ("8-800-555-35-35", "<phone>"),
    ("(843) 292-12-34 һәм 292-12-34", "<phone> һәм <phone>"),
    ("555-123-4567", "<phone>"),
    ("Telefáksa: 78474090", "Telefáksa: <phone>"),
    ("Tlf. 78 47 40 00 / 917 42 161", "Tlf. <phone> / <phone>"),
    ("Pressetelefon:\n947 82 505", "Pressetelefon:\n<phone>"),
    ("тел.: 5-12-34", "тел.: 5-12-34"),  # too short to be sure of
    ("тел.: 25-12-34", "тел.: <phone>"),
    ("Телефоны 292 12 34.", "Телефоны <phone>."),
    ("٠٧٧٠ ١٢٣ ٤٥٦٧", "<phone>"),
    ("83.149.9.216 язды", "<ip> язды"),
    ("10.0.0.1, 192.168.1.1:8080", "<ip>, <ip>:8080"),
    ("IP: 8.8.8.8", "IP: <ip>"),
    ("2001:0db8:85a3::8a2e:0370:7334 fe80::1ff:fe23", "<ip> <ip>"),
]

STAYS = [
    "1941-1945 елларда, 1991–1992, 2004 - 2005, 2020 2021",
    "12.05.2020, 2020-05-12, 1.2.1999–28.2.1999, 30. 11. 2012, 12-05-2020",
    "ISBN 978-82-7374-123-4, ISBN 0-19-861186-2, ISSN 0332-5997",
    "100 000 000 сум, 1 234 567, 12.000.000, 7 000 000 ruvnno",
    "LOV-1999-07-02-63, 1999:1229, nr. 16 (2004-2005), № 123-45-67",
    "69.12345, 23.54321; N 55° 47\' 40\"",
    "08.00-15.30, 09:00–15:00, 12:30:45, 0754 - 1600",
    "18.18.7.3 Kapihtal, 9.5.2.234, 3.17.10.1, 1.2.3.4, 256.1.100.100, 01.02.100.100",
    "3,14159265 һәм 2/3456789, 1234567 кеше",
    "https://example.org/20150313004348/0123456789",
    "@nik, a@b, a@b., gask(a)ija, бу (a) яки (b), C++ std::map, a::b, 12::",
    "974 760 703, 14 14 15 15 +7 %, (1976) 115-116 s.",
    "NaN", "", "\x00", "\ud800 0788 12", "+", "+10 000 000 ru", "(((((1", "@@@@", ":::::::",
]  # fmt: skip


@pytest.mark.parametrize(("text", "meant"), HIDDEN)
def test_personal_data_is_hidden(text: str, meant: str) -> None:
    hidden, found = hide([text])
    assert hidden == [meant]
    counted = {kind: meant.count(sign) for kind, sign in PLACEHOLDERS.items() if sign in meant}
    assert dict(found) == counted


@pytest.mark.parametrize("text", STAYS)
def test_other_numbers_and_signs_stay(text: str) -> None:
    assert hide([text]) == ([text], Counter())


PIECES = st.sampled_from(
    [text for text, _ in HIDDEN]
    + STAYS
    + list(" .,:@()+-0123456789\n")
    + ["tel ", "IP ", "::", "ا"]
)
TEXT = st.one_of(st.text(), st.lists(PIECES, max_size=6).map("".join))


@settings(deadline=None, max_examples=60)
@given(st.lists(TEXT))
@example(["010000000", "000000"])
def test_each_text_is_looked_at_for_itself(texts: list[str]) -> None:
    hidden, found = hide(texts)
    alone = [hide([text]) for text in texts]
    assert hidden == [text for (text,), _ in alone]
    assert found == sum((counts for _, counts in alone), Counter())
    assert [text.count("\n") for text in hidden] == [text.count("\n") for text in texts]


@pytest.mark.parametrize("part", ["a.", "1 ", "1-", "a@", "(a)", "1.1.", "f:", "+(", "tel "])
def test_no_text_takes_long(part: str) -> None:
    hide([part * 200_000])  # a quadratic search would take minutes
