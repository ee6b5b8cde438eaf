// SPDX-License-Identifier: Apache-2.0
//
// Private: what assemblers put between functions to align them.
#ifndef PCLNTAB_SRC_PADDING_H
#define PCLNTAB_SRC_PADDING_H

#include <stddef.h>
#include <stdint.h>

// How many of the `len` bytes of code at `p` are left without the padding at
// their end. All padding, or an unknown machine (EM_*): all of them.
size_t pcln_without_padding(uint16_t machine, const uint8_t *p, size_t len);

#endif
