"""Arithmetic on parameter names, as model files write it: ``Q2 / V1``, ``(1 - FRn) * Fgut``.

Only numbers, names, brackets and the four operations; nothing can be called.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from openkap.core.errors import InputError
from openkap.core.quantity import NO_DIMENSION, Dimension

Array = NDArray[np.float64]

_OPERATIONS: dict[type[ast.operator], Callable[[Array, Array], Array]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
_LONGEST = 200


@dataclass(frozen=True)
class Expression:
    """A parsed formula; ``names`` are the parameters it needs."""

    text: str
    tree: ast.expr
    names: frozenset[str]

    @classmethod
    def parse(cls, text: str) -> Expression:
        """The formula in ``text``, or ``InputError`` when it is anything but plain arithmetic."""
        try:
            tree = ast.parse(text.strip(), mode="eval").body if len(text) <= _LONGEST else None
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            tree = None
        if tree is None or not all(_is_plain(node) for node in ast.walk(tree)):
            raise InputError(
                "not a formula of parameter names",
                value=text,
                limit=f"names, numbers, brackets and + - * /, at most {_LONGEST} characters",
                remedy="write for instance Q2 / V1",
            )
        return cls(text, tree, frozenset(node.id for node in ast.walk(tree) if isinstance(node, ast.Name)))

    def evaluate(self, values: Mapping[str, Array]) -> Array:
        """The formula for every person; ``values`` holds arrays of one shape."""
        return _evaluate(self.tree, values)


def _is_plain(node: ast.AST) -> bool:
    if isinstance(node, ast.Constant):
        return isinstance(node.value, int | float) and not isinstance(node.value, bool)
    return isinstance(node, ast.Name | ast.BinOp | ast.Load | ast.Add | ast.Sub | ast.Mult | ast.Div)


def _evaluate(node: ast.expr, values: Mapping[str, Array]) -> Array:
    if isinstance(node, ast.BinOp):
        return _OPERATIONS[type(node.op)](_evaluate(node.left, values), _evaluate(node.right, values))
    if isinstance(node, ast.Name):
        return values[node.id]
    assert isinstance(node, ast.Constant)
    assert isinstance(node.value, int | float)
    return np.asarray(float(node.value))


def dimension(expression: Expression, dimensions: Mapping[str, Dimension]) -> Dimension:
    """What the formula measures, from what its names measure; ``InputError`` where a sum mixes kinds."""
    return _dimension(expression.tree, expression.text, dimensions)


def _dimension(node: ast.expr, text: str, known: Mapping[str, Dimension]) -> Dimension:
    if isinstance(node, ast.Name):
        return known[node.id]
    if not isinstance(node, ast.BinOp):
        return NO_DIMENSION
    left, right = _dimension(node.left, text, known), _dimension(node.right, text, known)
    if isinstance(node.op, ast.Mult):
        return tuple(a + b for a, b in zip(left, right, strict=True))
    if isinstance(node.op, ast.Div):
        return tuple(a - b for a, b in zip(left, right, strict=True))
    if left != right:
        raise InputError(
            "a sum of two kinds of quantity",
            value=text,
            limit="terms with units of one kind",
            remedy="check the units of the parameters in this formula",
        )
    return left
