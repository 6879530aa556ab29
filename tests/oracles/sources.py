"""A scan of source text for what would make a sample depend on more than (config, seed, index)."""

from __future__ import annotations

import ast
from collections.abc import Iterator

BANNED_MODULES = ("random", "uuid", "secrets")
CLOCKS = ("time", "datetime")
ALLOWED_NUMPY = ("Generator", "PCG64", "SeedSequence", "BitGenerator")
SEEDED_ONLY = ("default_rng", "PCG64", "SeedSequence", "manual_seed")
NUMPY = ("np", "numpy")


def offences(source: str, clock_allowed: bool = False) -> list[str]:
    """Return ``line: what`` of each use of a global or unseeded RNG, a clock, uuid, or hash order."""
    banned = BANNED_MODULES if clock_allowed else (*BANNED_MODULES, *CLOCKS)
    tree = ast.parse(source)
    return [f"{line}: {what}" for line, what in sorted(_found(tree, banned))]


def _found(tree: ast.AST, banned: tuple[str, ...]) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                root = alias.name.split(".")[0]
                if root in banned:
                    yield node.lineno, f"import {alias.name}"
                if alias.name == "numpy.random":
                    yield node.lineno, "import numpy.random (write np.random.Generator)"
        elif isinstance(node, ast.ImportFrom):
            yield from _from(node, banned)
        elif isinstance(node, ast.Attribute):
            yield from _attribute(node)
        elif isinstance(node, ast.Call):
            yield from _call(node, banned)
        elif isinstance(node, ast.For | ast.comprehension) and _is_set(node.iter):
            yield node.iter.lineno, "iteration over a set, in the order of hashes"


def _from(node: ast.ImportFrom, banned: tuple[str, ...]) -> Iterator[tuple[int, str]]:
    module = node.module or ""
    if node.level == 0 and module.split(".")[0] in banned:
        yield node.lineno, f"from {module}"
    for alias in node.names:
        if module == "numpy" and alias.name == "random":
            yield node.lineno, "from numpy import random"
        if module == "numpy.random" and alias.name not in ALLOWED_NUMPY:
            yield node.lineno, f"from numpy.random import {alias.name}"
        if module == "os" and alias.name == "urandom":
            yield node.lineno, "from os import urandom"


def _attribute(node: ast.Attribute) -> Iterator[tuple[int, str]]:
    value = node.value
    if (
        isinstance(value, ast.Attribute)
        and value.attr == "random"
        and isinstance(value.value, ast.Name)
        and value.value.id in NUMPY
        and node.attr not in ALLOWED_NUMPY
    ):
        yield node.lineno, f"np.random.{node.attr}"
    if isinstance(value, ast.Name) and (value.id, node.attr) == ("os", "urandom"):
        yield node.lineno, "os.urandom"


def _call(node: ast.Call, banned: tuple[str, ...]) -> Iterator[tuple[int, str]]:
    name = _name(node.func)
    if name in SEEDED_ONLY and _unseeded(node):
        yield node.lineno, f"{name}() without a seed"
    if isinstance(node.func, ast.Name) and name == "hash":
        yield node.lineno, "hash(), which differs between processes"
    if name in ("__import__", "import_module") and node.args:
        first = node.args[0]
        if isinstance(first, ast.Constant) and str(first.value).split(".")[0] in banned:
            yield node.lineno, f"import of {first.value}"
    makes_sequence = name in ("list", "tuple", "enumerate", "join", "array")
    if makes_sequence and node.args and _is_set(node.args[0]):
        yield node.lineno, "a set made into a sequence, in the order of hashes"


def _unseeded(node: ast.Call) -> bool:
    given = [*node.args, *(keyword.value for keyword in node.keywords)]
    return all(isinstance(one, ast.Constant) and one.value is None for one in given)


def _is_set(node: ast.AST) -> bool:
    """Whether it is plain to see that an expression is a set."""
    if isinstance(node, ast.Set | ast.SetComp):
        return True
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr | ast.BitAnd | ast.Sub):
        return _is_set(node.left) or _is_set(node.right)
    return isinstance(node, ast.Call) and _name(node.func) in ("set", "frozenset")


def _name(function: ast.AST) -> str:
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""
