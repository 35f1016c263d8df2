"""Links from the docs to lines of code: `[`name`](../pipeline/file.py#L12)`.

The text of a link is a function, class or method (`Block.forward`), whose definition is meant, or
code that stands on one line alone. `python -m tests.anchors` writes the line numbers anew; a link
whose code is gone is left and named.
"""

import ast
import re
import sys
from pathlib import Path

from tests.project import ROOT

LINK = re.compile(r"\[`(?P<code>[^`]+)`\]\((?P<path>[^()#\s]+\.py)#L(?P<line>\d+)\)")
NAME = re.compile(r"\w+(\.\w+)*")


def pages() -> list[Path]:
    """All pages of the documentation."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def line_of(code: str, path: Path) -> int:
    """The line that a link means; LookupError where there is none, or more than one."""
    text = path.read_text(encoding="utf-8")
    if not NAME.fullmatch(code):
        found = [i for i, line in enumerate(text.splitlines(), 1) if line.strip() == code]
        if len(found) != 1:
            raise LookupError(f"{path.relative_to(ROOT)} has {len(found)} lines {code!r}")
        return found[0]
    body: list[ast.stmt] = ast.parse(text).body
    line = 0
    for part in code.split("."):
        kinds = (ast.FunctionDef, ast.ClassDef)
        node = next((n for n in body if isinstance(n, kinds) and n.name == part), None)
        if node is None:
            raise LookupError(f"{path.relative_to(ROOT)} defines no {code}")
        body, line = node.body, node.lineno
    return line


def renew(page: Path) -> tuple[str, list[str]]:
    """The text of a page with the right line numbers, and what is wrong with links left alone."""
    troubles = []

    def link(found: re.Match[str]) -> str:
        try:
            line = line_of(found["code"], (page.parent / found["path"]).resolve())
        except (LookupError, FileNotFoundError) as error:
            troubles.append(f"{page.relative_to(ROOT)}: {error}")
            return found[0]
        return f"[`{found['code']}`]({found['path']}#L{line})"

    return LINK.sub(link, page.read_text(encoding="utf-8")), troubles


def main() -> int:
    """Write all pages anew; 1 if a link has lost its code."""
    troubles = []
    for page in pages():
        text, found = renew(page)
        page.write_text(text, encoding="utf-8")
        troubles += found
    print("\n".join(troubles), end="\n" if troubles else "", file=sys.stderr)
    return int(bool(troubles))


if __name__ == "__main__":
    sys.exit(main())
