"""Is this zero, not negative, real: questions to SymPy that are answered with yes only where it is certain.

No means "not shown". SymPy's assumptions know nothing of sums and integrals, so these are looked at here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from rope_theory._core.optional import load


def vanishes(expression: Any) -> bool:
    """Tell whether ``expression`` is zero for all values of its letters at which it is defined.

    Sums over the same range are put together first; then each summand must vanish by itself.
    """
    return all(_is_zero(summand) for summand in grouped(bound_renamed(expression)).values())


def bound_renamed(expression: Any) -> Any:
    """Return the expression with a letter of its own for every index and letter of integration.

    Indices of the same name and range become the same letter, unless one stands inside the other, so that sums over
    the same range can still be put together; none is the same as a free letter.
    """
    sympy = load("sympy", "certify")
    fresh: dict[Any, Any] = {}

    def bound(part: Any, names: Mapping[Any, Any], around: tuple[Any, ...]) -> Any:
        limits = []
        for limit in reversed(part.limits):  # the last is outermost
            index, *ends = limit
            facts = frozenset(index.assumptions0.items())
            key = (type(part), index.name, facts, *(visit(end, names, around) for end in ends))
            dummy = fresh.setdefault((key, around.count(key)), sympy.Dummy(index.name, **index.assumptions0))
            limits.append((dummy, *key[3:]))
            names, around = {**names, index: dummy}, (*around, key)
        return part.func(visit(part.function, names, around), *reversed(limits))

    def visit(part: Any, names: Mapping[Any, Any], around: tuple[Any, ...]) -> Any:
        if isinstance(part, sympy.Symbol):
            return names.get(part, part)
        if isinstance(part, sympy.Sum | sympy.Integral):
            return bound(part, names, around)
        if isinstance(part, sympy.Indexed):
            return part.func(part.base, *(visit(index, names, around) for index in part.indices))
        if isinstance(part, sympy.Subs):
            inside, places, point = part.args
            kept = {name: new for name, new in names.items() if name not in places}
            return part.func(visit(inside, kept, around), places, visit(point, names, around))
        if not part.args:
            return part
        args = [visit(inner, names, around) for inner in part.args]
        return part if all(new is old for new, old in zip(args, part.args, strict=True)) else part.func(*args)

    return visit(sympy.sympify(expression), {}, ())


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
        # SymPy takes a sum that runs downwards for one with the other sign, balls take it for empty: left alone
        return isinstance(part, sympy.Sum) and all(
            (high - low).is_Integer and high - low >= -1 for _, low, high in part.limits
        )

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
    if all(part.is_extended_real for most in expression.atoms(sympy.Max) for part in most.args):
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
                facts = {"nonnegative": True} if is_nonnegative(part) else facts
                letters[part] = sympy.Dummy(**({"positive": True} if _is_positive_sum(part) else facts))
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
        return is_real(expression) and is_nonnegative(expression.function)
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
        return _ends_are_in_order(expression) and is_real(expression.function) and is_finite(expression.function)
    return bool(_letters_for_sums(expression).is_real)


def _range_is_plain(total: Any) -> bool:
    """Tell whether the sum runs upwards over no or more terms, and its index is what its letter is assumed to be."""
    if len(total.limits) != 1:
        return False
    ((index, low, high),) = total.limits
    return (
        _is_known_by_four_facts(index)
        and bool((high - low + 1).is_nonnegative)
        and not (index.is_positive and not low.is_positive)
        and not (index.is_nonnegative and not low.is_nonnegative)
        and bool(low.is_integer)
    )


def _ends_are_in_order(integral: Any) -> bool:
    """Tell whether the integral runs upwards, and its letter is what it is assumed to be."""
    if len(integral.limits) != 1:
        return False
    ((letter, low, high),) = integral.limits
    if letter.is_integer or letter.is_positive or not _is_known_by_four_facts(letter):
        return False
    starts_well = low.is_nonnegative if letter.is_nonnegative else low.is_real
    return bool(starts_well) and bool((high - low).is_nonnegative)


def is_positive(expression: Any) -> bool:
    """Tell whether ``expression`` is real and above zero for all values of its letters."""
    sympy = load("sympy", "certify")
    return bool(_letters_for_sums(sympy.sympify(expression)).is_positive)


def _is_positive_sum(part: Any) -> bool:
    """Tell whether it is a sum of one term or more, each above zero."""
    sympy = load("sympy", "certify")
    if not isinstance(part, sympy.Sum) or not _range_is_plain(part):
        return False
    ((_, low, high),) = part.limits
    return bool((high - low).is_nonnegative) and is_positive(part.function)


def is_finite(expression: Any) -> bool:
    """Tell whether ``expression`` is finite for all values of its letters: no denominator can be zero."""
    sympy = load("sympy", "certify")
    expression = _letters_for_sums(sympy.sympify(expression))
    below = [power.base for power in expression.atoms(sympy.Pow) if not is_nonnegative(power.exp)]
    entire = _entire(sympy)
    on_reals = (sympy.tanh, sympy.atan)  # with poles elsewhere
    modest = (*entire, sympy.Abs, sympy.Max, sympy.Min, sympy.re, sympy.im, sympy.conjugate)
    for part in expression.atoms(sympy.Function, sympy.Max, sympy.Min):
        tame = isinstance(part, modest) or (isinstance(part, on_reals) and bool(part.args[0].is_real))
        if not tame and not part.is_finite:
            return False
    return all(base == sympy.E or bool(base.is_nonzero) for base in below)


def has_no_poles(expression: Any, letter: Any) -> bool:
    """Tell whether ``expression`` is smooth in ``letter``, as polynomials, exponentials and sines of it are."""
    sympy = load("sympy", "certify")
    expression = sympy.sympify(expression)
    if letter not in expression.free_symbols:
        return True
    if isinstance(expression, sympy.Pow) and expression.base != sympy.E:
        return bool(expression.exp.is_Integer and expression.exp > 0) and has_no_poles(expression.base, letter)
    if isinstance(expression, sympy.Subs):  # a derivative of any f at a place, as all derivatives there are
        inside, _, point = expression.args
        return letter not in inside.free_symbols and all(has_no_poles(place, letter) for place in point)
    smooth = (sympy.Symbol, sympy.Add, sympy.Mul, sympy.core.function.AppliedUndef, *_entire(sympy))
    return isinstance(expression, smooth) and all(has_no_poles(part, letter) for part in expression.args)


def _entire(sympy: Any) -> tuple[Any, ...]:
    return (sympy.exp, sympy.sin, sympy.cos, sympy.sinh, sympy.cosh)


_FACTS = ("integer", "positive", "nonnegative", "real")


def _is_known_by_four_facts(letter: Any) -> bool:
    """Tell whether all that is assumed of a letter is that it is real, at least zero, positive or an integer."""
    sympy = load("sympy", "certify")
    facts = {name: True for name in _FACTS if getattr(letter, f"is_{name}")}
    known: bool = sympy.Dummy(**facts).assumptions0 == letter.assumptions0
    return known


def respects_assumptions(values: Mapping[Any, Any]) -> str:
    """Return "" when each letter is replaced by something that is all its letter is assumed to be, else what is not."""
    sympy = load("sympy", "certify")
    for letter, value in values.items():
        if not _is_known_by_four_facts(letter):
            return f"more is assumed of {letter} than that it is real, at least zero, positive or an integer"
        if isinstance(letter, sympy.IndexedBase):
            index = sympy.Dummy(integer=True)  # of any sign: a claim may speak of h[j − 1]
            letter, value = letter[index], sympy.sympify(value(index))
        value = sympy.sympify(value)
        if not value.is_commutative:
            return f"{value} in place of {letter} is not a number"
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


def letters_of(*expressions: Any) -> set[Any]:
    """Return the letters that expressions are about, not those that are bound in them; sequences as a whole."""
    sympy = load("sympy", "certify")
    parts = sympy.Tuple(*expressions)
    bases = parts.atoms(sympy.IndexedBase)
    free = {letter for letter in parts.free_symbols if isinstance(letter, sympy.Symbol)}
    found: set[Any] = (free - {base.label for base in bases}) | bases
    return found


def letters_in(value: Any) -> set[Any]:
    """Return the letters that are free in what replaces a letter, or in what a function of an index returns."""
    sympy = load("sympy", "certify")
    if callable(value) and not isinstance(value, sympy.Basic):
        value = value(sympy.Dummy(integer=True))
    return letters_of(sympy.sympify(value))
