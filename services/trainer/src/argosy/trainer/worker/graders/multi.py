"""multi: several graders, and a formula over their scores."""

import ast
import math
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from argosy.trainer.worker.graders.grader import Grade, Grader, Grades, Sample

_BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}
_FUNCTIONS: dict[str, Callable[..., float]] = {
    "min": min, "max": max, "abs": abs, "floor": math.floor, "ceil": math.ceil,
    "exp": math.exp, "sqrt": math.sqrt, "log": math.log,
}  # fmt: skip


class BadFormula(ValueError):
    """The formula is not arithmetic over the graders' names."""


@dataclass(frozen=True)
class MultiGrader:
    graders: Mapping[str, Grader]
    formula: ast.expr

    def grade(self, samples: Sequence[Sample]) -> Grades:
        each = {name: grader.grade(samples) for name, grader in self.graders.items()}
        return [
            self._one({name: grades[index] for name, grades in each.items()})
            for index in range(len(samples))
        ]

    def _one(self, grades: Mapping[str, Grade]) -> Grade:
        """A part that could not be judged leaves the whole unjudged."""
        failed = next((f"{n}: {g.error}" for n, g in grades.items() if g.error is not None), None)
        if failed is not None:
            return Grade(0.0, failed)
        scores = {name: grade.score for name, grade in grades.items()}
        try:
            return Grade(float(_value(self.formula, scores)))
        except (ArithmeticError, ValueError, TypeError) as error:
            return Grade(0.0, f"calculate_output: {error}")


def parse_formula(text: str, names: Mapping[str, Any]) -> ast.expr:
    """Raises BadFormula; also for a name that is no grader's."""
    try:
        formula = ast.parse(text, mode="eval").body
        _value(formula, dict.fromkeys(names, 1.0))
    except ArithmeticError:
        pass
    except (SyntaxError, TypeError, ValueError, RecursionError) as error:
        raise BadFormula(f"calculate_output {text!r}: {error}") from error
    return formula


def _value(node: ast.expr, scores: Mapping[str, float]) -> float:
    match node:
        case ast.Constant(value=int() | float() as number):
            return number
        case ast.Name(id=name) if name in scores:
            return scores[name]
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _BINARY:
            result = _BINARY[type(op)](_value(left, scores), _value(right, scores))
            return float(result)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_value(operand, scores)
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]) if name in _FUNCTIONS:
            return _FUNCTIONS[name](*(_value(argument, scores) for argument in arguments))
        case _:
            raise ValueError(f"{ast.unparse(node)} is neither arithmetic nor a grader's name")
