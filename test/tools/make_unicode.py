#!/usr/bin/env python3
"""Write src/tokenizer/unicode_data.c from Python's unicodedata.

Usage: make_unicode.py > src/tokenizer/unicode_data.c

The pre-tokenizers ask four things of a character: letter (\\p{L}), number (\\p{N}), white space
(\\s, the White_Space property) or none of these.  The table holds the places where the answer
changes.  Run it with the Python whose Unicode version is wanted; the version is written into the
file.
"""

import sys
import unicodedata

OTHER, LETTER, NUMBER, SPACE = range(4)

# White_Space is the separators (Z*) and these controls.  str.isspace() is no substitute: it adds
# U+001C to U+001F.
SPACE_CONTROLS = {0x09, 0x0A, 0x0B, 0x0C, 0x0D, 0x85}

PER_LINE = 9


def character_class(code):
    category = unicodedata.category(chr(code))
    if category[0] == "L":
        return LETTER
    if category[0] == "N":
        return NUMBER
    if category[0] == "Z" or code in SPACE_CONTROLS:
        return SPACE
    return OTHER


def ranges():
    """Yield (first code, class) where the class changes, from U+0000 on."""
    last = None
    for code in range(0x110000):
        now = character_class(code)
        if now != last:
            yield code, now
            last = now


def main():
    entries = [code << 2 | value for code, value in ranges()]
    out = sys.stdout.write
    out("/*\n * unicode_data.c\n")
    out(" *\t  Character classes of Unicode %s.\n" % unicodedata.unidata_version)
    out(" *\n * Written by test/tools/make_unicode.py; do not edit.\n */\n")
    out('#include "tokenizer/unicode.h"\n\n')
    out("/* First code of a range << 2 | LlmCharClass, ascending; a range ends where the next begins. */\n")
    out("const uint32_t llm_unicode_ranges[] = {\n")
    for at in range(0, len(entries), PER_LINE):
        line = ", ".join("0x%06X" % entry for entry in entries[at:at + PER_LINE])
        out("\t%s,\n" % line)
    out("};\n\n")
    out("const uint32_t llm_unicode_n_ranges = ")
    out("sizeof(llm_unicode_ranges) / sizeof(llm_unicode_ranges[0]);\n")


if __name__ == "__main__":
    main()
