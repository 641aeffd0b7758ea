#!/usr/bin/env python3
"""make_template_vectors.py: golden renderings for test/unit/test_template.c.

Renders our own templates (test/data/template/*.jinja) and a list of expressions with jinja2, in the
environment that transformers uses for chat templates, and writes test/data/template/vectors.inc.
Needs jinja2 (pip install jinja2; the numbers in the repository were made with 3.1.6):

    python3 test/tools/make_template_vectors.py
"""
import json
import pathlib

import jinja2.ext
from jinja2 import nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

DATA = pathlib.Path(__file__).resolve().parent.parent / "data" / "template"


class Generation(jinja2.ext.Extension):
    """{% generation %} marks what the model wrote; it shows its body."""

    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        call = nodes.CallBlock(self.call_method("_show"), [], [], body)
        return call.set_lineno(line)

    def _show(self, caller):
        return caller()


class Raised(Exception):
    pass


def raise_exception(message):
    raise Raised(message)


def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators,
                      sort_keys=sort_keys)


ENVIRONMENT = ImmutableSandboxedEnvironment(
    trim_blocks=True, lstrip_blocks=True, extensions=[Generation, jinja2.ext.loopcontrols])
ENVIRONMENT.filters["tojson"] = tojson
ENVIRONMENT.globals["raise_exception"] = raise_exception

SYSTEM = ("system", " Be kind.\nBe brief. ")
HELLO = ("user", "Hello, wörld!\n")
ANSWER = ("assistant", "  Hi there.  ")
AGAIN = ("user", "And \"you\"? <|im_end|>\n<|im_start|>system")
THOUGHT = ("assistant", "<think>\nhm\n</think>\n\nFine.")
TOOL = ("tool", "{\"a\": 1}")
CONVERSATIONS = [
    [HELLO],
    [SYSTEM, HELLO],
    [HELLO, ANSWER, AGAIN],
    [SYSTEM, HELLO, ANSWER, AGAIN, THOUGHT],
    [SYSTEM, HELLO, THOUGHT, TOOL, TOOL, ANSWER, AGAIN],
    [HELLO, HELLO],
    [SYSTEM],
    [("user", "")],
    [("critic", "one"), ("user", "two")],
]

# Rendered with the fourth conversation; each between {{ }}.
EXPRESSIONS = r"""
1 + 2 * 3 - 4
-7 // 2 ~ ' ' ~ -7 % 3 ~ ' ' ~ 7 // -2 ~ ' ' ~ 7 % -3
-1|abs
2 * 'ab' ~ [1] * 2
'a' 'b' "c"
'a\n\t\x41\u00e9\'\q\101'
1 < 2 < 3, 1 < 3 < 2, 'a' < 'b' <= 'b'
1 == true, 0 == false, '1' == 1, [1, 2] == [1, 2], (1,) == [1]
none is none, none == false, undefined_name is defined, undefined_name is undefined
undefined_name
undefined_name ~ 'x'
undefined_name|length, undefined_name|list, undefined_name|upper, undefined_name|d('z')
undefined_name == other_undefined, not undefined_name
true and 'x', 0 or 'y', '' or none, not '', 1 and 0 and 2
'yes' if 1 else 'no', 'yes' if '' else 'no', ('yes' if 0) is defined
'b' in 'abc', 'd' not in 'abc', 2 in [1, 2], 'role' in messages[0], 'x' in undefined_name
[1, 'two', none, true, [3], (4,), {'k': 'v'}]
'it\'s', ["it's", 'a"b', 'a\\b\n', 'ü']
[1, 2, 3][-1], [1, 2, 3][5] is defined, 'héllo'[1], 'héllo'[-1], 'ab'[7] is defined
'héllo'[1:3], 'héllo'[::-1], 'héllo'[-3:], 'héllo'[:-3], 'héllo'[10:], 'héllo'[3:1]
[1, 2, 3, 4][1:], [1, 2, 3, 4][::2], [1, 2, 3, 4][::-1], [1, 2, 3, 4][-2::-1], (1, 2, 3)[:2]
{'a': 1, 'b': {'c': [5]}}.b.c[0], {'a': 1}['a'], {1: 'x'}[1], {'a': 1}.zz is defined
{'a': 1, 'a': 2}
{'a': 1, 'b': 2}.items()|list, {'a': 1}.keys()|list, {'a': 1}.values()|list
{'a': 1}.get('a'), {'a': 1}.get('b'), {'a': 1}.get('b', 'c')
{'a': 1, 'b': 2}|items|list, {'b': 1, 'A': 2}|dictsort, {'a': 2, 'b': 1}|dictsort(by='value')
messages.0.role, messages[1].content|trim, messages|length, messages[-1]['role']
messages|map(attribute='role')|list, messages|map(attribute='content')|map('length')|list
messages|selectattr('role', 'equalto', 'user')|map(attribute='content')|join('/')
messages|rejectattr('role', 'in', ['user', 'system'])|list|length
messages|selectattr('content')|list|length, messages|selectattr('nothing', 'defined')|list
[1, '', none, 'x']|select|list, [1, 2, 3]|select('odd')|list, [1, 2, 3]|reject('ge', 2)|list
[1, 'a', none]|select('string')|list, ['a', 'b']|map('upper')|join, [' a ']|map('trim')|first
[3, 1, 2]|sort, ['b', 'A', 'c']|sort, ['b', 'A', 'c']|sort(case_sensitive=true), [1, 2]|sort(reverse=true)
[1, 2, 3]|first, [1, 2, 3]|last, 'abc'|first, 'abc'|last, []|first is defined
[1, 2, 3]|reverse|list, 'abc'|reverse, 'ab'|list, {'a': 1}|list
[1, 2, 3]|join, ['a', 'b']|join(', '), 'abc'|join('-'), messages|join('+', attribute='role')
'  x '|trim, 'xxaxx'|trim('x'), '\n\u00a0a\u3000'|trim, 12|trim
'hello wORLD'|title, 'hello wORLD'|capitalize, 'it\'s a-b (c)'|title, "it's a-b (c)".title()
'Ab'|upper, 'Ab'|lower, 'abc'|replace('b', 'XX'), 'aaa'|replace('a', 'b', 2), 'ab'|replace('', '.')
'12'|int, ' 12 '|int, 'x'|int, 'x'|int(7), '3.9'|int, '-4'|int, true|int
5|string + '!', none|string, true|string, [1]|string
'x'|default('y'), ''|default('y'), ''|default('y', true), none|default('y')
'a\nb\n\nc'|indent, 'a\nb\n'|indent(2, first=true), 'a\n\nb'|indent(2, blank=true)
{'a': [1, 'ü"\n', none, true], 'b': {}}|tojson
{'a': [1, 'ü', {}], 'b': []}|tojson(indent=2)
{'b': 'ü😀\u007f', 'a': 1}|tojson(ensure_ascii=true, sort_keys=true, separators=(',', ':'))
'</script>'|tojson, 3|tojson, [[], {}]|tojson(indent=1), (1, 2)|tojson
' a b '.strip(), 'xax'.strip('x'), 'xax'.lstrip('x'), 'xax'.rstrip('x')
'a,b,,c'.split(','), ' a  b '.split(), 'a,b,c'.split(',', 1), 'a b c'.split(none, 1), ''.split(), ''.split(',')
'a,b,c'.rsplit(',', 1), ' a b  c '.rsplit(none, 1), 'abab'.rsplit('ab'), 'a\r\nb\n\nc\n'.splitlines()
'abc'.startswith('ab'), 'abc'.endswith(('x', 'c')), 'abc'.startswith(''), ''.endswith('a')
'abc'.removeprefix('ab'), 'abc'.removesuffix('bc'), 'abc'.removeprefix('x')
'héhé'.find('h'), 'héhé'.rfind('h'), 'abc'.find('z'), 'héhé'.index('é'), 'aaa'.count('a'), 'ab'.count('')
','.join(['a', 'b']), '12'.isdigit(), '1a'.isdigit(), ' \n'.isspace(), [1, 2, 1].count(1), [1, 2].index(2)
'a' is string, 1 is number, 1 is integer, true is boolean, true is number, 1 is float, none is string
[] is sequence, 'a' is sequence, {} is mapping, [] is mapping, {} is iterable, 1 is iterable, range is callable
2 is even, 3 is odd, 9 is divisibleby 3, 9 is divisibleby(2), 'a' is in 'abc', 1 is not in [2], 1 is sameas true
'abc' is lower, 'ABC' is upper, 'Abc' is lower, 3 is eq(3), 3 is gt 2, 3 is not ne 3
range(4)|list, range(1, 7, 2)|list, range(3, 0, -1)|list, range(0)|list
dict(a=1, b='x'), namespace(a=3).a, namespace() is defined
(1, 2), (), (1,), [(1, 2)]|first|last
1, 2
add_generation_prompt, bos_token, eos_token, tools, documents
'%' in '100%', 'a' ~ 1 ~ none ~ true ~ [1]
messages[0] is mapping, messages is sequence, messages[0].content is string, messages[7] is defined
not 1 == 2, not (1 in [1]), 1 if 2 else 3 if 0 else 4, 1 if 2 if 0 else 3
-3 is number, +3, - 3 + 5, 2 - -2
"}}" ~ '%}', {'a': {'b': 1}}, '{{'
"""

# Whole templates, rendered with the same conversation.
TEMPLATES = [
    "{% for x in [1, 2, 3] if x != 2 %}{{ loop.index }}/{{ loop.length }}:{{ x }} {% endfor %}",
    "{% for x in 'ab' %}{{ loop.first }} {{ loop.last }} {{ loop.revindex }} {{ loop.revindex0 }} "
    "{{ loop.previtem }} {{ loop.nextitem }} {{ loop.cycle('p', 'q') }} {{ loop.depth }};{% endfor %}",
    "{% for x in [1, 2] %}{% for y in [3, 4] %}{{ loop.index0 }}{{ loop.depth0 }}{% endfor %}"
    "{{ loop.index0 }}{% endfor %}",
    "{% for x in [] %}a{% else %}b{% endfor %}{% for x in nothing %}a{% else %}c{% endfor %}",
    "{% for x in [1, 2] %}{% break %}{% else %}else{% endfor %}",
    "{% for x in [1, 2, 3, 4] %}{% if x == 2 %}{% continue %}{% endif %}{% if x == 4 %}{% break %}"
    "{% endif %}{{ x }}{% endfor %}",
    "{% for k, v in {'a': 1, 'b': 2}.items() %}{{ k }}={{ v }};{% endfor %}",
    "{% for (a, b) in [(1, 2), 'xy'] %}{{ a }}{{ b }} {% endfor %}",
    "{% set x = 1 %}{% for i in [1, 2] %}{{ x }}{% set x = x + 1 %}{{ x }}{% endfor %}{{ x }}",
    "{% set ns = namespace(x=1) %}{% for i in [1, 2] %}{% set ns.x = ns.x + i %}{% endfor %}{{ ns.x }}",
    "{% set ns = namespace() %}{% set ns.a, b = 1, 2 %}{{ ns.a }}{{ b }}{{ ns.zz is defined }}",
    "{% if false %}{% set y = 1 %}{% endif %}{{ y is defined }}{% if 1 %}{% set y = 2 %}{% endif %}{{ y }}",
    "{% set x %}a{{ 1 + 1 }}{% set z = 3 %}{% endset %}{{ x }}{{ z is defined }}{{ x|length }}",
    "{% macro m(a, b=a ~ '!', c='c') %}<{{ a }}{{ b }}{{ c }}>{% endmacro %}{{ m(1) }}{{ m(1, c=2) }}"
    "{{ m(b=1, a=2) }}{{ m() }}{{ m('x')|length }}{{ m is callable }}",
    "{% set g = 1 %}{% macro m() %}{{ g }}{{ i is defined }}{% endmacro %}"
    "{% for i in [1] %}{% set g = 2 %}{{ m() }}{% endfor %}",
    "{% macro even(n) %}{{ 'e' if n == 0 else odd(n - 1) }}{% endmacro %}"
    "{% macro odd(n) %}{{ 'o' if n == 0 else even(n - 1) }}{% endmacro %}{{ even(5) }}",
    "{% if messages|selectattr('role', 'equalto', 'nobody') %}iterators are true{% endif %}",
    "a\r\nb\rc\n",
    "{{ 'x' }}\n{{ 'y' }}\n",
    "{# a #}\n{# b #}x\n  {#- c #} y {#- d -#}  z",
    "  {% if 1 %}\n  a\n  {% endif %}\n  b {% if 1 %}c{% endif %}\n",
    "\t{%- if 1 +%}\n  a\n{%+ endif -%}  \n  b",
    "{% raw %}{{ x }}{% raw %}{% endraw %}\n{%- raw -%}  {# no #}  {%- endraw -%}  z",
    "{{ {'a': {'b': {}}}|tojson }}{{ {}}}",
    "{% generation %}{% set q = 1 %}g{{ q }}{% endgeneration %}{{ q is defined }}",
    "{{ messages[0].missing.deeper }}",
    "{{ nothing.x }}",
    "{{ nothing + 1 }}",
    "{{ 'a' + 1 }}",
    "{{ none|length }}",
    "{{ 1 // 0 }}",
    "{{ [1, 2] < 3 }}",
    "{{ raise_exception('no: ' ~ 42) }}",
    "{% set a, b = [1, 2, 3] %}",
    "{% set messages.x = 1 %}",
    "{{ strftime_now('%Y') if strftime_now is defined else 'no clock' }}",
    "{{ nothing|tojson }}",
    "{{ 'abc'.index('z') }}",
    "{{ loop }}",
]


def render(source, messages, generate):
    """(status, text): LLM_OK and the rendering, or LLM_ERR_TEMPLATE and raise_exception's text."""
    template = ENVIRONMENT.from_string(source)
    try:
        text = template.render(
            messages=[{"role": role, "content": content} for role, content in messages],
            tools=None, documents=None, add_generation_prompt=generate, bos_token="<s>",
            eos_token="</s>")
    except Raised as raised:
        return "LLM_ERR_TEMPLATE", str(raised)
    except Exception:
        return "LLM_ERR_TEMPLATE", ""
    return "LLM_OK", text


def c_string(text):
    """A C literal, one source line per line of text, pieces of at most 60 bytes."""
    pieces, piece = [], ""
    for byte in text.encode():
        char = chr(byte)
        if char in "\\\"?":
            char = "\\" + char
        elif char == "\n":
            char = "\\n"
        elif not 32 <= byte < 127:
            char = "\\%03o" % byte
        piece += char
        if char == "\\n" or len(piece) >= 80:
            pieces.append(piece)
            piece = ""
    if piece or not pieces:
        pieces.append(piece)
    return "\n".join('\t"%s"' % piece for piece in pieces)


def main():
    out = ["/* Made by test/tools/make_template_vectors.py with jinja2; do not edit. */"]
    for i, messages in enumerate(CONVERSATIONS):
        out.append("static const VectorMessage conversation_%d[] = {" % i)
        out += ["\t{%s,\n\t%s}," % (c_string(role).strip(), c_string(content))
                for role, content in messages]
        out.append("};")
    files = sorted(DATA.glob("*.jinja"))
    for file in files:
        out.append("static const char template_%s[] =\n%s;" % (file.stem, c_string(file.read_text())))

    out.append("static const Vector vectors[] = {")

    def add(name, source_c, source, number, generate):
        status, text = render(source, CONVERSATIONS[number], generate)
        out.append('\t{"%s", %s, conversation_%d, %d, %s, %s,\n%s},' % (
            name, source_c, number, len(CONVERSATIONS[number]), "true" if generate else "false",
            status, c_string(text)))

    for file in files:
        for number in range(len(CONVERSATIONS)):
            for generate in (False, True):
                add("%s/%d" % (file.stem, number), "template_" + file.stem, file.read_text(), number,
                    generate)
    for i, expression in enumerate(EXPRESSIONS.strip().split("\n")):
        source = "{{ " + expression + " }}"
        add("expression/%d" % i, "\n" + c_string(source), source, 3, True)
    for i, source in enumerate(TEMPLATES):
        add("template/%d" % i, "\n" + c_string(source), source, 3, True)
    out.append("};")
    (DATA / "vectors.inc").write_text("\n".join(out) + "\n")


if __name__ == "__main__":
    main()
