// SPDX-License-Identifier: Apache-2.0
//
// What a Go linkage name is made of.
//
//   net/http.(*Transport).dialConn.func1
//   package   receiver    function suffix
//
//   slices.Index[go.shape.[]int,go.shape.int]
//   package function type arguments
//
// The parts are pieces of the name, not copies. Only names of Go functions have
// parts: of `foo.part.0`, which a C compiler made, nothing here is true.
//
// One thing a name does not say. When a closure's maker was inlined, its name
// has both: `main.outer.inner.func1`. That reads like method `inner` of type
// `outer`, and is taken for it here as everywhere, unless `inner` is itself a
// method or has type arguments.
#ifndef PCLNTAB_GO_NAMES_H
#define PCLNTAB_GO_NAMES_H

#include "status.h"

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

struct pcln_str {
  const char *ptr;
  size_t len; // 0: the name has no such part
};

// What the compiler made of the function, by the last piece of its suffix.
enum pcln_name_kind {
  PCLN_NAME_PLAIN,        // written in the source, or a wrapper of that name
  PCLN_NAME_CLOSURE,      // func1, 1.2, glob..func1
  PCLN_NAME_METHOD_VALUE, // -fm: the method bound to a receiver
  PCLN_NAME_RANGE_BODY,   // -range1: the body of a loop over a function
  PCLN_NAME_GO_WRAP,      // gowrap1: the call of a go statement
  PCLN_NAME_DEFER_WRAP,   // deferwrap1, dwrap: the call of a defer statement
  PCLN_NAME_ABI_WRAPPER,  // abi0, abiinternal
  PCLN_NAME_TYPE_FUNC,    // type:.eq.T, type:.hash.T: `receiver` is T
  PCLN_NAME_COMPILER,     // go:struct {...}.Method and others without package
  PCLN_NAME_FOREIGN,      // no package: assembly, C
};

struct pcln_name_parts {
  struct pcln_str package;   // import path as the linker writes it: escaped
  struct pcln_str receiver;  // type, without star, brackets and arguments
  struct pcln_str type_args; // of receiver or function, without brackets
  struct pcln_str function;  // or method
  struct pcln_str suffix;    // from the mark before it to the name's end
  bool pointer;              // the receiver is a pointer
  enum pcln_name_kind kind;
};

// Takes `name` apart. Every name has a function, which is the whole name if
// nothing else is known of it. Allocates nothing; the parts live as long as the
// name.
PCLN_API void pcln_name_split(const char *name, struct pcln_name_parts *out);

// The kind in words: "closure", "method value" and so on.
PCLN_API const char *pcln_name_kind_text(enum pcln_name_kind kind);

// Writes an import path as the source has it: `%2e` becomes a dot. Returns its
// length without the NUL that ends it; at most `len` bytes are written, with
// the NUL, and a path that does not fit is cut off.
PCLN_API size_t pcln_package_path(struct pcln_str package, char *buf,
                                  size_t len);

#ifdef __cplusplus
}
#endif
#endif
