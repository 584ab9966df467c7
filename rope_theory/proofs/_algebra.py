"""Is this zero, not negative, real: questions to SymPy that are answered with yes only where it is certain.

No means "not shown". SymPy's assumptions know nothing of sums and integrals, so these are looked at here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from rope_theory._optional import load


def vanishes(expression: Any) -> bool:
    """Tell whether ``expression`` is zero for all values of its letters at which it is defined.

    Sums over the same range are put together first; then each summand must vanish by itself.
    """
    return all(_is_zero(summand) for summand in grouped(expression).values())


def grouped(expression: Any) -> dict[tuple[Any, ...], Any]:
    """Return the expression as range of summation → summand; what stands in no sum has the range ()."""
    sympy = load("sympy", "certify")
    expression = _short_sums_written_out(sympy.sympify(expression), sympy)
    groups: dict[tuple[Any, ...], Any] = defaultdict(lambda: sympy.Integer(0))
    for term in sympy.Add.make_args(sympy.expand(expression)):
        factors = sympy.Mul.make_args(term)
        sums = [factor for factor in factors if isinstance(factor, sympy.Sum)]
        outside = sympy.Mul(*(factor for factor in factors if not isinstance(factor, sympy.Sum)))
        ranges = tuple(tuple(limit) for limit in reversed(sums[0].limits)) if len(sums) == 1 else ()
        if len(sums) != 1 or outside.free_symbols & {index for index, _, _ in ranges}:
            groups[()] += term  # no sum, or one that only acts as a letter
            continue
        for inner, summand in grouped(sums[0].function).items():
            groups[_ordered(ranges + inner)] += outside * summand
    return {ranges: summand for ranges, summand in groups.items() if summand != 0}


def _ordered(ranges: tuple[Any, ...]) -> tuple[Any, ...]:
    indices = {index for index, _, _ in ranges}
    if any((low.free_symbols | high.free_symbols) & indices for _, low, high in ranges):
        return ranges  # an inner range depends on an outer index: the order means something
    return tuple(sorted(((index, low, high) for index, low, high in ranges), key=str))


def _short_sums_written_out(expression: Any, sympy: Any) -> Any:
    def short(part: Any) -> bool:
        return isinstance(part, sympy.Sum) and all((high - low).is_Integer for _, low, high in part.limits)

    return expression.replace(short, lambda part: part.doit(deep=False))


def _is_zero(expression: Any) -> bool:
    sympy = load("sympy", "certify")
    expression = _letters_for_sums(sympy.expand(expression))
    if not expression.has(sympy.atan):
        expression = _in_exponentials(expression, sympy)
    if sympy.expand(expression) == 0:
        return True
    if expression.has(sympy.atan):  # sines of half angles as fractions
        expression = sympy.expand_trig(expression)
    numerator = sympy.fraction(sympy.together(sympy.expand(expression)))[0]
    return bool(sympy.expand(sympy.expand(numerator), power_base=True) == 0)


def _in_exponentials(expression: Any, sympy: Any) -> Any:
    kinds = [sympy.sin, sympy.cos, sympy.tan, sympy.sinh, sympy.cosh, sympy.tanh, sympy.coth]
    expression = expression.replace(sympy.Max, lambda *parts: sympy.Max(*parts).rewrite(sympy.Abs))
    expression = expression.replace(sympy.re, lambda part: (part + sympy.conjugate(part)) / 2)
    expression = expression.replace(sympy.im, lambda part: (part - sympy.conjugate(part)) / (2 * sympy.I))
    # expanded arguments, so that e^{a+b} and e^a·e^b become the same
    return sympy.expand(expression).rewrite(kinds, sympy.exp).expand(power_exp=True)


def _letters_for_sums(expression: Any) -> Any:
    """Return the expression with each sum and integral replaced by a letter that has its known signs."""
    sympy = load("sympy", "certify")
    letters: dict[Any, Any] = {}

    def visit(part: Any) -> Any:
        if isinstance(part, sympy.Sum | sympy.Integral):
            if part not in letters:
                facts = {"real": True} if is_real(part) else {}
                letters[part] = sympy.Dummy(**({"nonnegative": True} if is_nonnegative(part) else facts))
            return letters[part]
        if not part.args or isinstance(part, sympy.Indexed):
            return part
        return part.func(*(visit(inner) for inner in part.args))

    return visit(expression)


def is_nonnegative(expression: Any) -> bool:
    """Tell whether ``expression`` is real and at least zero for all values of its letters."""
    sympy = load("sympy", "certify")
    expression = sympy.sympify(expression)
    # sums and integrals first: SymPy takes the sign of what is summed for that of the sum, whatever its range
    if isinstance(expression, sympy.Sum):
        return _range_is_plain(expression) and is_nonnegative(expression.function)
    if isinstance(expression, sympy.Integral):
        return _ends_are_in_order(expression) and is_nonnegative(expression.function)
    if expression.has(sympy.Sum, sympy.Integral):
        return is_nonnegative(_letters_for_sums(expression))
    if expression.is_nonnegative:
        return True
    if isinstance(expression, sympy.Add | sympy.Mul):
        return all(is_nonnegative(part) for part in expression.args)
    if isinstance(expression, sympy.Pow):
        if expression.exp.is_Integer and expression.exp % 2 == 0:
            return is_real(expression.base)
        return bool(expression.exp.is_real) and is_nonnegative(expression.base)
    return isinstance(expression, sympy.Abs)


def is_real(expression: Any) -> bool:
    """Tell whether ``expression`` is real for all real values of its letters."""
    sympy = load("sympy", "certify")
    expression = sympy.sympify(expression)
    if isinstance(expression, sympy.Sum):
        return _range_is_plain(expression) and is_real(expression.function)
    if isinstance(expression, sympy.Integral):
        return _ends_are_in_order(expression) and is_real(expression.function)
    return bool(_letters_for_sums(expression).is_real)


def _range_is_plain(total: Any) -> bool:
    """Tell whether the sum runs upwards over no or more terms, and its index is what its letter is assumed to be."""
    if len(total.limits) != 1:
        return False
    ((index, low, high),) = total.limits
    return (
        bool((high - low + 1).is_nonnegative)
        and not (index.is_positive and not low.is_positive)
        and not (index.is_nonnegative and not low.is_nonnegative)
        and bool(low.is_integer)
    )


def _ends_are_in_order(integral: Any) -> bool:
    """Tell whether the integral runs upwards, and its letter is what it is assumed to be."""
    if len(integral.limits) != 1:
        return False
    ((letter, low, high),) = integral.limits
    if letter.is_integer or letter.is_positive:
        return False
    starts_well = low.is_nonnegative if letter.is_nonnegative else low.is_real
    return bool(starts_well) and bool((high - low).is_nonnegative)


def is_positive(expression: Any) -> bool:
    """Tell whether ``expression`` is real and above zero for all values of its letters."""
    sympy = load("sympy", "certify")
    return bool(_letters_for_sums(sympy.sympify(expression)).is_positive)


def is_finite(expression: Any) -> bool:
    """Tell whether ``expression`` is finite for all values of its letters: no denominator can be zero."""
    sympy = load("sympy", "certify")
    expression = _letters_for_sums(sympy.sympify(expression))
    below = [power.base for power in expression.atoms(sympy.Pow) if not is_nonnegative(power.exp)]
    return not expression.has(*_with_poles(sympy)) and all(base == sympy.E or bool(base.is_nonzero) for base in below)


def has_no_poles(expression: Any, letter: Any) -> bool:
    """Tell whether ``expression`` is smooth in ``letter``, as polynomials, exponentials and sines of it are."""
    sympy = load("sympy", "certify")
    expression = sympy.sympify(expression)
    powers = [power for power in expression.atoms(sympy.Pow) if letter in power.base.free_symbols]
    poled = [part for part in expression.atoms(*_with_poles(sympy), sympy.Abs) if letter in part.free_symbols]
    return not poled and all(power.exp.is_Integer and power.exp > 0 for power in powers)


def _with_poles(sympy: Any) -> tuple[Any, ...]:
    return (sympy.tan, sympy.coth, sympy.log)


def respects_assumptions(values: Mapping[Any, Any]) -> str:
    """Return "" when each letter is replaced by something that is all its letter is assumed to be, else what is not."""
    sympy = load("sympy", "certify")
    for letter, value in values.items():
        if isinstance(letter, sympy.IndexedBase):
            index = sympy.Dummy(integer=True, nonnegative=True)
            letter, value = letter[index], sympy.sympify(value(index))
        value = sympy.sympify(value)
        if letter.is_positive and not is_positive(value):
            return f"{value} in place of {letter} is not known to be positive"
        if letter.is_nonnegative and not is_nonnegative(value):
            return f"{value} in place of {letter} is not known to be at least zero"
        if letter.is_real and not is_real(value):
            return f"{value} in place of {letter} is not known to be real"
        if letter.is_integer and not value.is_integer:
            return f"{value} in place of {letter} is not known to be an integer"
    return ""


def bound_letters(expression: Any) -> set[Any]:
    """Return indices of sums and letters of integration."""
    sympy = load("sympy", "certify")
    return {limit[0] for part in expression.atoms(sympy.Sum, sympy.Integral) for limit in part.limits}


def letters_in(value: Any) -> set[Any]:
    """Return the letters that occur in what replaces a letter, or in what a function of an index returns."""
    sympy = load("sympy", "certify")
    if callable(value) and not isinstance(value, sympy.Basic):
        value = value(sympy.Dummy(integer=True, nonnegative=True))
    found: set[Any] = sympy.sympify(value).atoms(sympy.Symbol)
    return found
