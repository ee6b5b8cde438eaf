// SPDX-License-Identifier: Apache-2.0
//
// Which calls may collect. All that are not known to be harmless do: a call
// that is wrongly taken for harmless would lose roots, one that is wrongly
// taken for a safepoint costs a little.
//
// Harmless are intrinsics, functions of the C library that neither block nor
// call back, what sanitizers insert, and functions of the module that were
// proven so. Calls to functions declared so by the user (gc_leaf) get an entry
// in the table that says "no collection here", so that a lie is found.
#include "gc_internal.h"

#include <llvm/ADT/StringSet.h>
#include <llvm/IR/InlineAsm.h>
#include <llvm/IR/IntrinsicInst.h>

namespace pclntab {

using namespace llvm;

namespace {

const StringSet<> &library() {
  static const StringSet<> names{
      // memory
      "memcpy",
      "memmove",
      "memset",
      "memcmp",
      "memchr",
      "memrchr",
      "mempcpy",
      "memccpy",
      "memmem",
      "bcmp",
      "bcopy",
      "bzero",
      "malloc",
      "calloc",
      "realloc",
      "reallocarray",
      "free",
      "aligned_alloc",
      "posix_memalign",
      "_Znwm",
      "_Znam",
      "_ZdlPv",
      "_ZdaPv",
      "_ZdlPvm",
      "_ZdaPvm",
      // strings
      "strlen",
      "strnlen",
      "strcpy",
      "strncpy",
      "stpcpy",
      "stpncpy",
      "strcat",
      "strncat",
      "strcmp",
      "strncmp",
      "strcasecmp",
      "strncasecmp",
      "strcoll",
      "strchr",
      "strchrnul",
      "strrchr",
      "strstr",
      "strcasestr",
      "strspn",
      "strcspn",
      "strpbrk",
      "strdup",
      "strndup",
      "strtol",
      "strtoll",
      "strtoul",
      "strtoull",
      "strtod",
      "strtof",
      "strtold",
      "atoi",
      "atol",
      "atoll",
      "atof",
      "__isoc23_strtol",
      "__isoc23_strtoll",
      "__isoc23_strtoul",
      "__isoc23_strtoull",
      "strerror",
      "__ctype_b_loc",
      "__ctype_tolower_loc",
      "__ctype_toupper_loc",
      "isalpha",
      "isdigit",
      "isalnum",
      "isspace",
      "isupper",
      "islower",
      "ispunct",
      "isprint",
      "iscntrl",
      "isxdigit",
      "tolower",
      "toupper",
      // numbers
      "abs",
      "labs",
      "llabs",
      "sin",
      "cos",
      "tan",
      "asin",
      "acos",
      "atan",
      "atan2",
      "sinh",
      "cosh",
      "tanh",
      "exp",
      "exp2",
      "expm1",
      "log",
      "log2",
      "log10",
      "log1p",
      "pow",
      "sqrt",
      "cbrt",
      "hypot",
      "floor",
      "ceil",
      "trunc",
      "round",
      "rint",
      "nearbyint",
      "fmod",
      "fabs",
      "ldexp",
      "frexp",
      "modf",
      "lround",
      "llround",
      "lrint",
      "llrint",
      "powf",
      "sqrtf",
      "sinf",
      "cosf",
      "expf",
      "logf",
      "fmodf",
      "floorf",
      "ceilf",
      "rand",
      "srand",
      "random",
      "srandom",
      "time",
      "clock",
      "clock_gettime",
      "gettimeofday",
      "getpid",
      "getenv",
      "__errno_location",
      // exceptions: what runs no code of the program
      "__cxa_allocate_exception",
      "__cxa_free_exception",
      "__cxa_get_exception_ptr",
      "__cxa_begin_catch",
      "__cxa_call_unexpected",
      "__stack_chk_fail",
  };
  return names;
}

bool is_instrumentation(StringRef name) {
  return name.starts_with("__asan_") || name.starts_with("__tsan_") ||
         name.starts_with("__msan_") || name.starts_with("__ubsan_") ||
         name.starts_with("__sanitizer_");
}

bool is_harmless(const CallBase &call, const Function &f) {
  if (!f.isDeclaration() || f.hasLocalLinkage())
    return false;
  if (is_instrumentation(f.getName()))
    return true;
  return !call.isNoBuiltin() && library().contains(f.getName());
}

} // namespace

bool Leaves::may_collect(const CallBase &call) const {
  // setjmp: comes back with the stack of an earlier time.
  if (isa<IntrinsicInst>(call) || call.isInlineAsm() ||
      call.hasFnAttr(Attribute::ReturnsTwice) || call.hasFnAttr(kLeaf))
    return false;
  const Function *f = call.getCalledFunction();
  return f == nullptr || (proven.count(f) == 0 && !is_harmless(call, *f));
}

CallKind Leaves::kind(const CallBase &call) const {
  if (call.isMustTailCall()) // the frame is gone by then
    return CallKind::plain;
  if (call.hasFnAttr(kLeaf) && !isa<IntrinsicInst>(call) &&
      !call.isInlineAsm() && !call.hasFnAttr(Attribute::ReturnsTwice))
    return CallKind::declared_leaf;
  return may_collect(call) ? CallKind::safepoint : CallKind::plain;
}

} // namespace pclntab
