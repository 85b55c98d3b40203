"""Sizes of matrix formulas."""

import ast
from collections.abc import Mapping
from functools import reduce


class ShapeError(ValueError):
    """Matrices that cannot be multiplied or added."""


def matrix_size(expression: str, sizes: Mapping[str, list[str]]) -> list[str]:
    """Size of a matrix expression in which ``*`` multiplies matrices and ``**T`` transposes.

    A name without size is a number. A call keeps the size of its first argument; Attention of
    n × d, m × d and m × v gives n × v.

    Raises
    ------
    ShapeError
        Where inner sizes differ.
    """
    return _shape(ast.parse(expression, mode="eval").body, sizes)


def _shape(node: ast.expr, sizes: Mapping[str, list[str]]) -> list[str]:
    match node:
        case ast.Constant():
            return []
        case ast.Name(id=name):
            return list(sizes.get(name, []))
        case ast.BinOp(left=base, op=ast.Pow(), right=ast.Name(id="T")):
            return _shape(base, sizes)[::-1]
        case ast.BinOp(left=left, op=op, right=right):
            return _joined(_shape(left, sizes), op, _shape(right, sizes), ast.unparse(node))
        case ast.UnaryOp(operand=operand):
            return _shape(operand, sizes)
        case ast.Call(func=ast.Name(id=name), args=arguments):
            return _called(name, [_shape(a, sizes) for a in arguments], ast.unparse(node))
    raise ShapeError(f"{ast.unparse(node)} is no product or sum of matrices")


def _joined(left: list[str], op: ast.operator, right: list[str], text: str) -> list[str]:
    if not left or not right:
        return left or right
    if isinstance(op, (ast.Add, ast.Sub)):
        if left != right:
            raise ShapeError(f"{text}: {' × '.join(left)} plus {' × '.join(right)}")
        return left
    if left[-1] != right[0]:
        raise ShapeError(f"{text}: {' × '.join(left)} times {' × '.join(right)}")
    return [*left[:-1], *right[1:]]


def _called(name: str, sizes: list[list[str]], text: str) -> list[str]:
    if name != "Attention":
        return sizes[0]
    q, k, v = sizes
    scores = reduce(lambda a, b: _joined(a, ast.Mult(), b, text), [q, k[::-1]])
    return _joined(scores, ast.Mult(), v, text)
