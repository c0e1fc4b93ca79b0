"""What the XML library finds wrong, in words of ours: its own name switches of the library."""

from __future__ import annotations

import re

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from lxml import etree

_TYPES = etree.ErrorTypes
_MISMATCH = re.compile(r"mismatch: (\S+) line (\d+) and (\S+?),? ")
_NAMED = re.compile(r"(?:attribute|Attribute|Entity) '?([^\s',]+)")

NO_XML = gettext_noop("this is no XML")
_WORDS = {
    _TYPES.ERR_DOCUMENT_EMPTY: NO_XML,
    _TYPES.ERR_DOCUMENT_END: gettext_noop("something follows the end of the configuration"),
    _TYPES.ERR_TAG_NOT_FINISHED: gettext_noop("the file ends before its last element does; it is cut off"),
    _TYPES.ERR_GT_REQUIRED: gettext_noop("a tag does not end: “>” is missing"),
    _TYPES.ERR_ATTRIBUTE_WITHOUT_VALUE: gettext_noop("the attribute “%(name)s” has no value"),
    _TYPES.ERR_ATTRIBUTE_NOT_STARTED: gettext_noop("the value of an attribute needs quotes"),
    _TYPES.ERR_ATTRIBUTE_NOT_FINISHED: gettext_noop("the quotes of an attribute are not closed"),
    _TYPES.ERR_ATTRIBUTE_REDEFINED: gettext_noop("the attribute “%(name)s” is there twice"),
    _TYPES.ERR_LT_IN_ATTRIBUTE: gettext_noop("write “<” in a value as “&lt;”"),
    _TYPES.ERR_UNDECLARED_ENTITY: gettext_noop("“&%(name)s;” is not known: write “&” in a text as “&amp;”"),
    _TYPES.ERR_NAME_REQUIRED: gettext_noop(
        "after “&” or “<” no name follows: write them as “&amp;” and “&lt;”"
    ),
    _TYPES.ERR_ENTITYREF_SEMICOL_MISSING: gettext_noop("write “&” in a text as “&amp;”"),
    _TYPES.ERR_INVALID_CHAR: gettext_noop("there is a control character that XML cannot carry"),
    _TYPES.ERR_UNSUPPORTED_ENCODING: gettext_noop(
        "the file names an encoding that is not known; save it as UTF-8"
    ),
    _TYPES.ERR_RESOURCE_LIMIT: gettext_noop("an element is nested too deeply, or a text is too long"),
    _TYPES.NS_ERR_UNDEFINED_NAMESPACE: gettext_noop("names with “:” are not known here"),
}


def in_words(error: etree.XMLSyntaxError) -> str:
    """What is wrong, without its line."""
    found = error.msg or ""
    if error.code == _TYPES.ERR_TAG_NAME_MISMATCH and (told := _MISMATCH.search(found)):
        text = _("“%(end)s” ends what “%(start)s” in line %(line)s has begun")
        return text % {"end": told[3], "start": told[1], "line": told[2]}
    name = _NAMED.search(found)
    words = _WORDS.get(error.code, gettext_noop("the XML is broken here"))
    return _(words) % {"name": name[1] if name else ""}
