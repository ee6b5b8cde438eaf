#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds the manual pages to what they describe, as groff renders them.

    man.py SOURCE    every page is without fault and installed; those of the
                     collector have each declaration, struct, setting and
                     message that the sources have, and no other
    man.py SOURCE --examples PAGE FOLDER
                     writes the page's example and what it says it prints to
                     FOLDER/example.c and FOLDER/printed
"""
import pathlib
import re
import subprocess
import sys

SRC = pathlib.Path(sys.argv[1])
PAGES = SRC / 'docs/man'
faults = 0


def fault(page, what):
    global faults
    faults += 1
    print('man: %s: %s' % (page, what))


def rendered(page):
    """As text on lines that are too long to break, white space folded."""
    done = subprocess.run(
        ['groff', '-man', '-ww', '-Tascii', '-P-cbou', '-rLL=500n', '-rHY=0',
         PAGES / page], check=True, capture_output=True, text=True)
    for line in done.stderr.splitlines():
        fault(page, line)
    return ' '.join(done.stdout.split())


def tight(text):
    """Without what layout changes."""
    return re.sub(r'\s*([(){};,*=])\s*', r'\1', ' '.join(text.split()))


def declarations(header):
    """Prototypes, structs and function-like macros for users of a header."""
    text = (SRC / header).read_text()
    text = re.sub(r'//[^\n]*', '', text)
    macros = re.findall(r'^#define (gc_?\w+)', text, re.M)
    text = re.sub(r'^#.*?[^\\]$', '', text, flags=re.M | re.S)
    text = re.sub(r'\bPCLN_(API|MUST_CHECK)\b', '', text)
    found = re.findall(r'(?:struct|enum) ?\w* \{.*?^\};|struct gc_\w+ \{.*?^\};',
                       text, re.M | re.S)
    found += re.findall(r'^[ \t]*(?:typedef|extern|enum|struct|void|int|bool|size_t)'
                        r'\b[^;{}#"]*\bpclnrt_\w+[^;{}]*;', text, re.M)
    return [tight(d.strip()) for d in found if 'needs_the_plugin' not in d], macros


def check_header(page, header):
    text = rendered(page)
    packed = tight(text)
    found, macros = declarations(header)
    if len(found) < (SRC / header).read_text().count('PCLN_API'):
        fault(page, 'declarations of %s are not recognised' % header)
    for d in found:
        if d not in packed:
            fault(page, 'not of %s: %s' % (header, d))
    for m in macros:
        if not re.search(r'\b%s\b' % m, text):
            fault(page, 'not of %s: %s' % (header, m))
    source = (SRC / header).read_text()
    for name in set(re.findall(r'\bpclnrt_gc_\w+', text)):
        if not re.search(r'\b%s\b' % name, source) and \
                not re.search(r'\b%s\b' % name,
                              (SRC / 'runtime/gc.h').read_text()):
            fault(page, 'there is no %s' % name)
    return text


def names(folder, pattern, text=r'"(%s)"'):
    out = set()
    for path in (SRC / folder).glob('*.c*'):
        out |= set(re.findall(text % pattern, path.read_text()))
    return out


def check_same(page, what, described, real):
    for name in sorted(real - described):
        fault(page, 'no %s %s' % (what, name))
    for name in sorted(described - real):
        fault(page, '%s %s, which is none' % (what, name))


def check_collector():
    page = 'pclnrt_gc.3'
    text = check_header(page, 'runtime/gc.h')
    options = set(re.findall(r'\{"(gc\w+)", set_',
                             (SRC / 'runtime/gc_options.c').read_text()))
    check_same(page, 'setting', set(re.findall(r'\b(gc[a-z_]+)=', text)), options)
    pattern = '(?:gc|heap|roots|late)-[a-z-]+'
    real = names('runtime', pattern)
    check_same(page, 'message', set(re.findall(pattern, text)) -
               {'gc-leaf-function'}, real)
    text = check_header('pclnrt_roots.3', 'runtime/roots.h')
    mine = set()
    for path in (SRC / 'runtime').glob('roots*.c'):
        mine |= set(re.findall(r'"(%s)"' % pattern, path.read_text()))
    check_same('pclnrt_roots.3', 'message',
               set(re.findall(r'(?:gc|roots)-[a-z-]+', text)), mine)


def check_plugin():
    page = 'pclntab-gc.7'
    text = rendered(page)
    for path in sorted((SRC / 'ld-plugin').glob('gc_*.cc')):
        source = path.read_text()
        said = re.findall(r'(?:refuse|warn)\([\w*.]+,\s*((?:"[^"]*"\s*)+)', source)
        said += re.findall(r'return fail\(((?:"[^"]*"\s*)+)', source)
        said += re.findall(r"\"(?:' )(has [^\"]*\")", source)
        for message in said:
            message = ''.join(re.findall(r'"?([^"]*)"\s*', message))
            message = re.split(r'[:;]| \(Addr| \(permitted|, which', message)[0]
            if message[-1:] != "'" and message.strip() not in text:
                fault(page, 'no message "%s"' % message)
        for option in re.findall(r'"(pclntab-gc-[a-z-]+)"', source):
            if option not in text:
                fault(page, 'no option %s' % option)
    for name in re.findall(r'name == "(pclntab-[a-z]+)"',
                           (SRC / 'ld-plugin/gc_plugin.cc').read_text()):
        if name not in text:
            fault(page, 'no pass %s' % name)


def examples(page, folder):
    blocks = re.findall(r'^\.EX\n(.*?)^\.EE', (PAGES / page).read_text(),
                        re.M | re.S)
    for name, block in zip(('example.c', 'printed'), blocks):
        (pathlib.Path(folder) / name).write_text(block.replace('\\e', '\\'))


def main():
    if len(sys.argv) > 2:
        examples(*sys.argv[3:])
        return
    installed = (SRC / 'cmake/install.cmake').read_text()
    for page in sorted(p.name for p in PAGES.iterdir()):
        rendered(page)
        if 'docs/man/' + page not in installed:
            fault(page, 'is not installed')
    check_collector()
    check_plugin()
    print('man: %d faults' % faults)
    sys.exit(faults != 0)


main()
