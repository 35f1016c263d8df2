"""Every public module, class and function of the project says what it is."""

import ast
from collections.abc import Iterator

import pytest

from tests.project import ROOT

FILES = [path for folder in ("pipeline", "stages") for path in (ROOT / folder).rglob("*.py")]
TREES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(FILES)}
CLASSES = {
    node.name: node
    for t in TREES.values()
    for node in ast.walk(t)
    if isinstance(node, ast.ClassDef)
}


PROTOCOLS = [
    node for node in CLASSES.values() if any(getattr(b, "id", "") == "Protocol" for b in node.bases)
]
KINDS = (ast.FunctionDef, ast.AsyncFunctionDef)


def methods(node: ast.ClassDef) -> dict[str, str | None]:
    """The methods of a class and their docstrings."""
    return {one.name: ast.get_docstring(one) for one in node.body if isinstance(one, KINDS)}


def documented_above(name: str, node: ast.ClassDef) -> bool:
    """Whether a class of the project that this one builds on, or a protocol that it fulfils, says
    what the method does."""
    bases = [CLASSES[b.id] for b in node.bases if isinstance(b, ast.Name) and b.id in CLASSES]
    fulfilled = [p for p in PROTOCOLS if p is not node and set(methods(p)) <= set(methods(node))]
    return any(methods(protocol).get(name) for protocol in fulfilled) or any(
        methods(base).get(name) or documented_above(name, base) for base in bases
    )


def silent(tree: ast.Module) -> Iterator[str]:
    """Public names without a docstring; an empty name is the module itself."""
    if not ast.get_docstring(tree):
        yield ""
    for node in tree.body:
        if not isinstance(node, (*KINDS, ast.ClassDef)) or node.name.startswith("_"):
            continue
        if not ast.get_docstring(node):
            yield node.name
        if isinstance(node, ast.ClassDef):
            for method in node.body:
                if (
                    isinstance(method, KINDS)
                    and not method.name.startswith("_")
                    and not ast.get_docstring(method)
                    and not documented_above(method.name, node)
                ):
                    yield f"{node.name}.{method.name}"


@pytest.mark.parametrize("path", TREES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_what_is_public_has_a_docstring(path: str) -> None:
    assert list(silent(TREES[path])) == []


def test_what_is_missing_is_found() -> None:
    code = "class A:\n    def b(self): ...\n    def _c(self): ...\ndef d(): ...\n"
    code += "class E(LanguageModel):\n"
    code += "    '''There.'''\n    def hidden(self): ...\n    def other(self): ...\n"
    code += "class Tracks:\n    '''There.'''\n"
    code += "".join(f"    def {name}(self): ...\n" for name in methods(CLASSES["Tracker"]))
    code += "class TracksHalf:\n    '''There.'''\n    def numbers(self): ...\n"
    assert list(silent(ast.parse(code))) == ["", "A", "A.b", "d", "E.other", "TracksHalf.numbers"]
