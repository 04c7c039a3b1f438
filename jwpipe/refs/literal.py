"""Reading Python-syntax text as data, never as a program.

CRDS rules and the cache's configuration are files of Python literals. Whoever can put a file into the cache must not
thereby run code, hang the program or fill its memory, so text is screened for size, depth and characters by linear
scans before the parser sees it, and the syntax tree is then read by the few node types that data consist of.
"""

import ast
import re
import warnings

__all__ = ["LiteralError", "parse", "value"]

# The largest JWST rule file is about 0.1 MB of 5000 items; nesting is at most 6 deep.
MAX_CHARS = 4_000_000
MAX_ITEMS = 200_000
MAX_DEPTH = 12

# Every alternative consumes what it starts on even when a quote is never closed, so the scan is linear.
_STRING_OR_COMMENT = re.compile(
    r"'''.*?(?:'''|\Z)"
    r'|""".*?(?:"""|\Z)'
    r"|'[^'\\\n]*+(?:\\.[^'\\\n]*+)*+(?:'|(?=\n)|\Z)"
    r'|"[^"\\\n]*+(?:\\.[^"\\\n]*+)*+(?:"|(?=\n)|\Z)'
    r"|\#[^\n]*",
    re.DOTALL,
)
_NOT_DATA = re.compile(r"[^\w\s{}()\[\],:=.+\-<>!]|[-+]\s*[-+]")


class LiteralError(ValueError):
    """Text that is not the plain data it should be."""


def parse(text, mode="exec", max_chars=MAX_CHARS, max_items=MAX_ITEMS):
    """Parse text into a syntax tree within limits.

    Parameters
    ----------
    text : str
        Python source.
    mode : {"exec", "eval"}
        Whether the text is statements or one expression.
    max_chars, max_items : int
        Limits on the length and on the number of items.

    Returns
    -------
    ast.AST
        The tree; nothing has been evaluated.

    Raises
    ------
    LiteralError
        If the text is too large, too deep, or not Python syntax.
    """
    if len(text) > max_chars:
        raise LiteralError(f"it is {len(text)} characters long, more than {max_chars}")
    bare = _STRING_OR_COMMENT.sub("0", text)
    if wrong := _NOT_DATA.search(bare):
        raise LiteralError(f"it holds {wrong.group()[0]!r}, which no data has")
    if sum(bare.count(c) for c in ",:({[=") > max_items:
        raise LiteralError(f"it holds more than {max_items} items")
    brackets = re.sub(r"[^][(){}]+", "", bare)
    for _ in range(MAX_DEPTH):
        brackets = brackets.replace("()", "").replace("[]", "").replace("{}", "")
    if brackets:
        raise LiteralError(f"its brackets do not match or nest deeper than {MAX_DEPTH}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an odd escape in a string is not our affair
            return ast.parse(text, mode=mode)
    except SyntaxError as exc:
        raise LiteralError(f"line {exc.lineno}: {exc.msg}") from None
    except (ValueError, RecursionError, MemoryError, OverflowError) as exc:
        raise LiteralError(f"it cannot be parsed: {str(exc) or type(exc).__name__}") from None


def value(node):
    """Turn the syntax tree of a literal into the object that it denotes.

    Parameters
    ----------
    node : ast.expr
        A constant, signed number, tuple, list or dict of such.

    Returns
    -------
    object
        Its value.

    Raises
    ------
    LiteralError
        If the node is anything else.
    """
    kind = type(node)
    if kind is ast.Constant:
        if node.value is None or isinstance(node.value, (str, int, float)):
            return node.value
    elif kind is ast.Tuple:
        return tuple([value(item) for item in node.elts])
    elif kind is ast.List:
        return [value(item) for item in node.elts]
    elif kind is ast.Dict:
        return items(node, value)
    elif kind is ast.UnaryOp and isinstance(node.op, (ast.USub, ast.UAdd)):
        number = value(node.operand)
        if isinstance(number, (int, float)):
            return -number if isinstance(node.op, ast.USub) else number
    raise LiteralError(f"line {node.lineno}: {kind.__name__} is not data")


def items(node, of_value):
    """Turn the syntax tree of a dict into a dict, its values by `of_value`.

    Parameters
    ----------
    node : ast.Dict
        The dict display.
    of_value : callable
        Turns the syntax tree of one value into an object.

    Returns
    -------
    dict
        Of a key that occurs twice the last value stands, as in Python.

    Raises
    ------
    LiteralError
        If a key cannot be one.
    """
    result = {}
    for key_node, value_node in zip(node.keys, node.values, strict=True):
        if key_node is None:
            raise LiteralError(f"line {node.lineno}: ** is not data")
        key = value(key_node)
        try:
            result[key] = of_value(value_node)
        except TypeError:
            raise LiteralError(f"line {key_node.lineno}: {key!r:.40} cannot be a key") from None
    return result
