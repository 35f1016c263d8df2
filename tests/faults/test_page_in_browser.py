"""The page in Debian's Chromium: talking, comparing, and the probability under the mouse."""

import json
from collections.abc import Iterator

import pytest
from tokenizers import Tokenizer

from pipeline.serving.service import Service
from tests.browser import CHROMIUM, Page, chromium
from tests.unit.test_serving_http import running
from tests.unit.voices import make_voice

pytestmark = [
    pytest.mark.faults,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium here: apt-get install chromium"),
]
SETTLED = "find('stop').disabled && document.querySelectorAll('.written').length"


@pytest.fixture(scope="module")
def service(tokenizer: Tokenizer) -> Service:
    one = make_voice(tokenizer, "one/model", context=256)
    two = make_voice(tokenizer, "two", family="lstm", context=256)
    return Service([one, two], "127.0.0.1")


@pytest.fixture(scope="module")
def address(service: Service) -> Iterator[str]:
    with running(service) as address:
        yield address


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with chromium(tmp_path_factory.mktemp("profile")) as page:
        yield page


@pytest.fixture
def page(browser: Page, address: str) -> Page:
    """The page, opened anew; nothing may go wrong in it, and nothing is asked of anybody else."""
    browser.errors.clear()
    browser.asked.clear()
    browser.open(address)
    browser.wait_for("columns.length === 2")
    return browser


def say(page: Page, text: str, answers: int = 2) -> None:
    page.run("find('text').focus()")
    page.type(text)
    page.press("Enter", 13)
    page.wait_for(f"{SETTLED} >= {answers}")


def test_two_models_answer_side_by_side_and_nobody_else_is_asked(page: Page, address: str) -> None:
    say(page, "Сәлам!")
    say(page, "Кояш чыкты.", answers=4)
    for column in range(2):
        turns = page.run(
            f"[...columns[{column}].log.children].map((e) => e.classList.contains('said'))"
        )
        assert turns == [True, False, True, False]
    assert page.run("columns.map((column) => column.model.id)") == ["one/model", "two"]
    assert page.errors == []
    assert {url.removeprefix(address) for url in page.asked} == {
        "/", "/v1/models", "/v1/completions",
    }  # fmt: skip


def test_the_probability_of_a_token_stands_under_the_mouse(page: Page) -> None:
    page.point("[value=continue]", click=True)
    say(page, "Ул мәктәп")
    assert page.run("find('tip').hidden")
    page.point(".token:nth-of-type(3)")
    page.wait_for("!find('tip').hidden")
    seen = page.run(
        """(() => { const span = document.querySelector(".shown");
          return { rows: document.querySelectorAll("#tip tr").length, parts: span.parts,
                   tip: find("tip").innerText } })()"""
    )
    assert seen["rows"] == 5 * len(seen["parts"])
    share = seen["parts"][-1]["probability"]
    told = f"{share:.1%}".replace("%", " %") if share >= 0.001 else "< 0.1 %"
    assert f"had {told}" in seen["tip"]
    total = sum(2.718281828459045**value for value in seen["parts"][-1]["top"].values())
    assert 0 < total <= 1.000001
    page.press("Escape", 27)
    page.wait_for("find('tip').hidden")
    page.run("document.querySelector('.written').focus()")
    for key, place in (("ArrowRight", 0), ("ArrowRight", 1), ("ArrowRight", 2), ("ArrowLeft", 1)):
        page.press(key, 39 if key == "ArrowRight" else 37)
        page.wait_for(f"document.querySelectorAll('.token')[{place}].matches('.shown')")
    assert not page.run("find('tip').hidden")
    assert page.errors == []


def test_the_spans_of_a_text_are_the_text_that_the_service_wrote(page: Page) -> None:
    """Also where letters are cut between tokens, and outside of the first 65,536 characters."""
    page.point("[value=continue]", click=True)
    whole = ""
    for seed in range(5):
        page.run(f"begin(); find('seed').value = {seed}; find('max_tokens').value = 200")
        say(page, "Ул 🌾" if seed == 0 else "")
        asked = {"model": "one/model", "prompt": "Ул 🌾", "seed": seed + 1}
        asked |= {"max_tokens": 200, "temperature": 0.8, "top_p": 0.95}
        written = page.run(
            f"""fetch("/v1/completions", {{ method: "POST", body: {json.dumps(json.dumps(asked))},
              headers: {{ "Content-Type": "application/json" }} }})
              .then((answer) => answer.json()).then((answer) => answer.choices[0].text)"""
        )
        shown = page.run(
            "[...columns[0].log.querySelectorAll('.token')].map((e) => e.textContent).join('')"
        )
        assert shown == page.run(f"visible({json.dumps(written)})")
        whole += shown
    assert len(whole) > 100


def test_markup_that_is_said_or_written_stays_text(page: Page) -> None:
    page.point("[value=continue]", click=True)
    say(page, "<img src=x onerror=alert(1)><b>")
    assert page.run("document.querySelectorAll('main img, main b').length") == 0
    assert "<img" in page.run("find('columns').innerText")
    assert page.errors == []


def test_a_text_longer_than_the_context_is_refused_in_words_and_talk_forgets(page: Page) -> None:
    page.point("[value=continue]", click=True)
    say(page, "Кояш чыкты. " * 60)
    assert "context" in page.run("document.querySelector('.wrong').textContent")
    page.errors.clear()  # the browser notes the status 400 itself
    page.run("find('anew').click(); find('text').value = ''")
    page.point("[value=talk]", click=True)
    for number in range(1, 7):
        say(page, "Кояш чыкты, кошлар сайрый башлады.", answers=2 * number)
    assert page.run("document.querySelectorAll('.wrong').length") == 0
    assert page.run("columns[0].turns.length") < 12
    assert page.run("columns[0].log.children.length") == 12


def test_stop_ends_the_writing_here_and_in_the_service(page: Page, service: Service) -> None:
    page.point("[value=continue]", click=True)
    page.run("find('max_tokens').value = 4096")
    page.run("find('text').focus()")
    page.type("Ул")
    page.press("Enter", 13)
    page.wait_for("document.querySelectorAll('.token').length > 3")
    page.point("#stop", click=True)
    page.wait_for("find('stop').disabled")
    count = page.run("document.querySelectorAll('.token').length")
    assert count < 4096
    while service.scheduler.active:
        page.run("new Promise((done) => setTimeout(done, 20))")
    assert page.run("document.querySelectorAll('.token').length") == count


@pytest.mark.parametrize("width", [360, 768, 1280])
def test_nothing_sticks_out_at_any_width(page: Page, width: int) -> None:
    page.resize(width, 740)
    say(page, "Сүз" * 20)
    page.point(".token")
    page.wait_for("!find('tip').hidden")
    assert page.run("document.documentElement.scrollWidth <= innerWidth")
    box = page.run(
        "(({left, right, top}) => [left, right, top])(find('tip').getBoundingClientRect())"
    )
    assert box[0] >= 0 and box[1] <= width and box[2] >= 0


def test_another_site_cannot_ask(page: Page, address: str) -> None:
    """A page from elsewhere in the same browser may neither read nor make the service write."""
    page.call("Page.navigate", url="data:text/html,<title>elsewhere</title>")
    page.wait_for("document.title === 'elsewhere'")
    told = page.run(
        f"""fetch("{address}/v1/completions", {{ method: "POST", mode: "no-cors",
          headers: {{ "Content-Type": "text/plain" }}, body: "{{}}" }})
          .then((answer) => answer.type, () => "failed")"""
    )
    read = page.run(f"fetch('{address}/v1/models').then(() => 'read', () => 'failed')")
    assert told in ("opaque", "failed") and read == "failed"
