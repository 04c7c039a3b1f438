"""The conditions that rules may carry (``rmap_relevance``, ``rmap_omit``, ``parkey_relevance``), evaluated safely."""

import ast
import operator

from jwpipe.refs import literal
from jwpipe.refs.literal import LiteralError

__all__ = ["Expression"]

_COMPARE = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: lambda left, right: left in right,
    ast.NotIn: lambda left, right: left not in right,
}


class Expression:
    """A condition on observation parameters: comparisons of names with constants, joined by and, or, not.

    Parameters
    ----------
    source : str
        Such as ``(META.EXPOSURE.TYPE not in ("MIR_IMAGE", "NRC_IMAGE"))``.
    names : iterable of str
        The dotted parameter names that may occur.

    Raises
    ------
    LiteralError
        If the source is anything else.
    """

    def __init__(self, source, names):
        # The spelling META_EXPOSURE_TYPE stands for META.EXPOSURE.TYPE.
        self._names = {name.replace(".", "_"): name for name in names}
        tree = literal.parse(source.strip(), mode="eval", max_chars=20_000, max_items=2_000)
        try:
            self._evaluate = self._compiled(tree.body)
        except RecursionError:
            raise LiteralError("the condition nests too deep") from None

    def __call__(self, parameters):
        """Evaluate the condition.

        Parameters
        ----------
        parameters : mapping of str to str
            Conditioned values by dotted name.

        Returns
        -------
        bool
            Whether it holds.

        Raises
        ------
        LookupError, TypeError
            If a name has no value, or values cannot be compared.
        """
        return bool(self._evaluate(parameters))

    def _compiled(self, node):
        """Turn a syntax tree into a function of the parameters, refusing all but the few kinds of node allowed."""
        match node:
            case ast.Constant(value=None | bool() | str() | int() | float() as constant):
                return lambda _: constant
            case ast.Name(id=name):
                return self._lookup(name, self._names.get(name, name))
            case ast.Attribute():
                dotted = _dotted(node)
                if dotted.replace(".", "_") not in self._names:
                    raise LiteralError(f"the condition names {dotted!r:.60}, which is no parameter of this type")
                return self._lookup(dotted, dotted)
            case ast.Tuple(elts=elements) | ast.List(elts=elements):
                parts = [self._compiled(element) for element in elements]
                return lambda p: [part(p) for part in parts]
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                inner = self._compiled(operand)
                return lambda p: not inner(p)
            case ast.BoolOp(op=op, values=values):
                parts = [self._compiled(part) for part in values]
                every = isinstance(op, ast.And)
                return lambda p: (all if every else any)(part(p) for part in parts)
            case ast.IfExp(test=test, body=body, orelse=orelse):
                test, body, orelse = self._compiled(test), self._compiled(body), self._compiled(orelse)
                return lambda p: body(p) if test(p) else orelse(p)
            case ast.Compare(left=left, ops=ops, comparators=comparators):
                terms = [self._compiled(term) for term in (left, *comparators)]
                compare = [_COMPARE[type(op)] for op in ops if type(op) in _COMPARE]
                if len(compare) == len(ops):
                    return lambda p: _chain(compare, [term(p) for term in terms])
        raise LiteralError(f"{type(node).__name__} has no place in a condition")

    @staticmethod
    def _lookup(name, parameter):
        def value(parameters):
            try:
                return parameters[parameter]
            except KeyError:
                raise LookupError(f"{name} has no value") from None

        return value


def _dotted(node):
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        raise LiteralError("a dot after anything but a name")
    return ".".join([node.id, *reversed(parts)])


def _chain(compare, terms):
    return all(test(left, right) for test, left, right in zip(compare, terms[:-1], terms[1:], strict=True))
