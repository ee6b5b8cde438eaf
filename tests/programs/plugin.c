// SPDX-License-Identifier: Apache-2.0
//
// A shared object that is loaded and unloaded while others walk through it.

int plugin_call(int (*fn)(void *), void *arg);

__attribute__((noinline)) static int inner(int (*fn)(void *), void *arg) {
  volatile int result = fn(arg);
  return result;
}

__attribute__((visibility("default"))) int plugin_call(int (*fn)(void *),
                                                       void *arg) {
  volatile int result = inner(fn, arg);
  return result;
}
