"""What a stylesheet may hold. Everything else is refused before libxslt sees it.

XSLT 1.0 can read files (`document`, include, import), write them (`xsl:document`, EXSLT) and evaluate texts (`dyn:evaluate`). So the
instructions and the functions that may stand are listed, and nothing that is not on the list is taken.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from lxml import etree

from gateway.errors import Misconfigured

XSL = "http://www.w3.org/1999/XSL/Transform"
OURS = "urn:lienthong:mapping"
DECLARATIONS = ("about", "source", "target", "only-when", "dropped")
_INSTRUCTIONS = {
    "apply-templates", "attribute", "attribute-set", "call-template", "choose", "copy", "copy-of", "decimal-format", "element", "for-each",
    "if", "key", "message", "number", "otherwise", "output", "param", "preserve-space", "sort", "strip-space", "stylesheet", "template",
    "text", "transform", "value-of", "variable", "when", "with-param",
}  # fmt: skip
_FUNCTIONS = {
    "boolean", "ceiling", "comment", "concat", "contains", "count", "current", "false", "floor", "format-number", "generate-id", "key",
    "lang", "last", "local-name", "name", "namespace-uri", "node", "normalize-space", "not", "number", "position", "round", "starts-with",
    "string", "string-length", "substring", "substring-after", "substring-before", "sum", "text", "translate", "true",
}  # fmt: skip
# Namespaces in which some processor does things; as a literal element they would be harmless, but nobody means them so.
_ACTING = (
    "http://exslt.org/",
    "http://xmlsoft.org/",
    "http://icl.com/saxon",
    "http://xml.apache.org/",
    "org.apache.xalan",
)
_LITERAL = re.compile(r"\"[^\"]*\"|'[^']*'")
_CALL = re.compile(r"([\w.-]+:)?([\w.-]+)\s*\(")
_WORD_OPERATORS = {"and", "or", "mod", "div"}  # `a and (b)` is no call
_TEMPLATED = re.compile(r"\{((?:[^{}\"']|\"[^\"]*\"|'[^']*')*)\}")

Wrong = Callable[[etree._Element, str], Misconfigured]


def check_stylesheet(root: etree._Element, file: str, functions: frozenset[str]) -> None:
    """Raises `Misconfigured` with file, line and cure. `functions` are the registered ones of ours."""

    def wrong(element: etree._Element, problem: str) -> Misconfigured:
        return Misconfigured(f"{file}:{element.sourceline}: {problem}")

    if root.tag not in (f"{{{XSL}}}stylesheet", f"{{{XSL}}}transform") or root.get("version") != "1.0":
        raise wrong(root, 'the root must be xsl:stylesheet with version="1.0"')
    for element in root.iter(etree.Element):
        _check_element(element, root, wrong)
        ours = etree.QName(element).namespace == OURS
        for expression in expressions(element):
            _check_expression(element, expression, frozenset() if ours else functions, wrong)


def _check_element(element: etree._Element, root: etree._Element, wrong: Wrong) -> None:
    name = etree.QName(element)
    at_top = element.getparent() is root
    if name.namespace == OURS:
        if not at_top or name.localname not in DECLARATIONS:
            words = f"at the top may stand: {', '.join(DECLARATIONS)}"
            raise wrong(element, f"lt:{name.localname} means nothing here; {words}")
        return
    _check_attributes(element, wrong)
    if name.namespace == XSL and name.localname not in _INSTRUCTIONS:
        raise wrong(element, f"xsl:{name.localname} is not allowed: a mapping is one file that reads one document")
    if name.namespace != XSL and at_top:
        raise wrong(element, "only xsl: and lt: elements stand at the top")
    if (name.namespace or "").startswith(_ACTING):
        raise wrong(element, f"elements of {name.namespace} are not allowed")


def _check_attributes(element: etree._Element, wrong: Wrong) -> None:
    for key, value in element.attrib.items():
        if etree.QName(key).localname == "extension-element-prefixes":
            raise wrong(element, "extension elements are not allowed: take extension-element-prefixes out")
        if "{{" in str(value) or "}}" in str(value):
            raise wrong(element, "doubled braces are not read here: put such an attribute together with xsl:attribute")
    strange = set(element.attrib) - {"method", "indent", "encoding", "omit-xml-declaration"}
    if element.tag == f"{{{XSL}}}output" and (strange or element.get("method", "xml") != "xml"):
        raise wrong(element, 'xsl:output may say method="xml", indent and encoding only')


def _check_expression(element: etree._Element, expression: str, functions: frozenset[str], wrong: Wrong) -> None:
    for prefix, name in _CALL.findall(_LITERAL.sub("''", expression)):
        space = element.nsmap.get(prefix[:-1]) if prefix else None
        if space == OURS and name not in functions:
            raise wrong(element, f"there is no function lt:{name}; known: {', '.join(sorted(functions))}")
        if (
            (space and space != OURS)
            or (prefix and not space)
            or (not prefix and name not in _FUNCTIONS | _WORD_OPERATORS)
        ):
            raise wrong(element, f"the function {prefix}{name}() is not allowed")


def expressions(element: etree._Element) -> Iterator[str]:
    """Every XPath expression of an element. An attribute of a literal element holds them in braces; of ours, only `test` is one."""
    if etree.QName(element).namespace == OURS:
        yield str(element.get("test", ""))
        return
    literal = etree.QName(element).namespace != XSL
    for value in map(str, element.attrib.values()):
        if literal:
            yield from holes(value)
        else:
            yield value


def holes(template: str) -> list[str]:
    """The expressions of an attribute value template, `a{x}b`."""
    return _TEMPLATED.findall(template)


def fill(template: str, change: Callable[[str], str]) -> str:
    """The template with each expression changed."""
    return _TEMPLATED.sub(lambda hole: "{" + change(hole[1]) + "}", template)
