// SPDX-License-Identifier: Apache-2.0
//
// Demangling of C++ names, for -C.
//
// The demangler is the C++ runtime's own, __cxa_demangle, which every system
// with a C++ program has. It is loaded when -C asks for it and not linked: a
// tool that is used in containers without C++ must start there, and start
// fast. A c++filt process would be another program to find, with a pipe to
// keep in step; binutils' demangler has a licence that the project cannot take.
//
// A name is demangled once. The table stores each name once, so its address is
// its identity, and a lookup of a million addresses pays for the few thousand
// names that it meets.
#include "dump.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

struct dump_name_slot {
  const char *name; // null: free
  char *shown;      // null: the name itself
};

enum pcln_status dump_names_init(struct dump_names *names, bool demangle) {
  static const char *const libraries[] = {"libstdc++.so.6", "libc++abi.so.1"};
  *names = (struct dump_names){0};
  if (!demangle)
    return PCLN_OK;
  for (size_t i = 0; i < sizeof libraries / sizeof *libraries; i++) {
    // Not closed: the process ends with it.
    void *library = dlopen(libraries[i], RTLD_NOW | RTLD_LOCAL);
    void *symbol = library ? dlsym(library, "__cxa_demangle") : NULL;
    if (symbol) {
      memcpy(&names->demangler, &symbol, sizeof symbol); // POSIX's conversion
      return PCLN_OK;
    }
  }
  return PCLN_NOT_FOUND;
}

void dump_names_free(struct dump_names *names) {
  for (size_t i = 0; i < names->n_slots; i++)
    free(names->slots[i].shown);
  free(names->slots);
  *names = (struct dump_names){0};
}

// Demangles `name` up to `len`, and puts what follows behind the result.
static char *demangle_part(const struct dump_names *names, const char *name,
                           size_t len) {
  char *part = strndup(name, len);
  int status = 0;
  char *shown = part ? names->demangler(part, NULL, NULL, &status) : NULL;
  free(part);
  const size_t tail = strlen(name + len);
  if (!shown || tail == 0)
    return shown;
  const size_t head = strlen(shown);
  char *whole = realloc(shown, head + tail + 1);
  if (!whole) {
    free(shown);
    return NULL;
  }
  memcpy(whole + head, name + len, tail + 1);
  return whole;
}

// Null: there is nothing to demangle. Only what begins as a mangled name is
// asked for, because the function also takes types: "i" would become "int".
static char *demangle(const struct dump_names *names, const char *name) {
  if (strncmp(name, "_Z", 2) != 0)
    return NULL;
  return demangle_part(names, name, strcspn(name, "@")); // e.g. @plt
}

static struct dump_name_slot *find_slot(const struct dump_names *names,
                                        const char *name) {
  const uint64_t mixed = (uint64_t)(uintptr_t)name * 0x9e3779b97f4a7c15;
  size_t i = (size_t)(mixed >> 32) & (names->n_slots - 1);
  while (names->slots[i].name && names->slots[i].name != name)
    i = (i + 1) & (names->n_slots - 1);
  return &names->slots[i];
}

// Keeps the cache at most half full.
static bool grow(struct dump_names *names) {
  struct dump_names old = *names;
  const size_t n = old.n_slots ? old.n_slots * 2 : 1024;
  struct dump_name_slot *slots = calloc(n, sizeof *slots);
  if (!slots)
    return false;
  names->slots = slots;
  names->n_slots = n;
  for (size_t i = 0; i < old.n_slots; i++)
    if (old.slots[i].name)
      *find_slot(names, old.slots[i].name) = old.slots[i];
  free(old.slots);
  return true;
}

const char *dump_name(struct dump_names *names, const char *name) {
  if (!names->demangler)
    return name;
  if (2 * names->n_used >= names->n_slots && !grow(names))
    return name; // without memory a name is shown as it is
  struct dump_name_slot *slot = find_slot(names, name);
  if (!slot->name) {
    *slot = (struct dump_name_slot){name, demangle(names, name)};
    names->n_used++;
  }
  return slot->shown ? slot->shown : name;
}
