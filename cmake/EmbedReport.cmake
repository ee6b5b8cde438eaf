# SPDX-License-Identifier: Apache-2.0
#
# Makes one page of the parts of the report, and of the page a C header with two
# arrays: what stands before the data, and what behind it.
#
#   cmake -DSOURCE=pclntab/tools/report -DSCRIPTS=a.js,b.js -DSTYLES=a.css,b.css
#     -DOUTPUT=report.inc -P EmbedReport.cmake
#
# report.html says {{css}}, {{js}} and {{data}} where these belong. Its content
# security policy allows no script and no style but those two, by their hashes,
# and no network: {{js-hash}} and {{css-hash}}.
cmake_minimum_required(VERSION 3.25)

# The base64 of the SHA-256 of ${text}. A group of three hexadecimal digits is
# two of base64; the 64th digit is alone, and two bits are added to it.
function(hash_of text result)
  set(digits
    ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/)
  string(SHA256 hex "${text}")
  set(out "")
  foreach(at RANGE 0 60 3)
    string(SUBSTRING ${hex} ${at} 3 group)
    math(EXPR high "0x${group} >> 6")
    math(EXPR low "0x${group} & 63")
    string(SUBSTRING ${digits} ${high} 1 high)
    string(SUBSTRING ${digits} ${low} 1 low)
    string(APPEND out ${high}${low})
  endforeach()
  string(SUBSTRING ${hex} 63 1 group)
  math(EXPR high "0x${group} << 2")
  string(SUBSTRING ${digits} ${high} 1 high)
  set(${result} "sha256-${out}${high}=" PARENT_SCOPE)
endfunction()

# ${text} as the content of an array of char, one line for 64 bytes.
function(array_of name text result)
  string(HEX "${text}" hex)
  string(REGEX REPLACE "(..)" "\\\\x\\1" bytes "${hex}")
  string(LENGTH "${bytes}" len)
  set(out "static const char ${name}[] =\n")
  foreach(at RANGE 0 ${len} 256)
    string(SUBSTRING "${bytes}" ${at} 256 line)
    string(APPEND out "    \"${line}\"\n")
  endforeach()
  set(${result} "${out}    ;\n" PARENT_SCOPE)
endfunction()

# The files of a list with commas, one behind the other. Brackets and semicolons
# mean something in CMake's lists: no text of a file may be treated as one.
function(text_of files result)
  set(all "")
  string(REPLACE "," ";" files "${files}")
  foreach(part ${files})
    file(READ "${SOURCE}/${part}" text)
    string(APPEND all "${text}")
  endforeach()
  set(${result} "${all}" PARENT_SCOPE)
endfunction()

text_of("${SCRIPTS}" js)
text_of("${STYLES}" css)
file(READ "${SOURCE}/report.html" page)
if(js MATCHES "</script|<!--")
  message(FATAL_ERROR "a script of the report ends the script element")
endif()

hash_of("${js}" js_hash)
hash_of("${css}" css_hash)
string(REPLACE "{{js-hash}}" "${js_hash}" page "${page}")
string(REPLACE "{{css-hash}}" "${css_hash}" page "${page}")
string(REPLACE "{{css}}" "${css}" page "${page}")
string(REPLACE "{{js}}" "${js}" page "${page}")
string(FIND "${page}" "{{data}}" at)
string(SUBSTRING "${page}" 0 ${at} before)
math(EXPR at "${at} + 8")
string(SUBSTRING "${page}" ${at} -1 after)
array_of(page_before "${before}" before)
array_of(page_after "${after}" after)
file(WRITE "${OUTPUT}" "${before}${after}")
