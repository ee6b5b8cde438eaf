// SPDX-License-Identifier: Apache-2.0
//
// Private to decode*.c.
#ifndef PCLNTAB_DECODE_H
#define PCLNTAB_DECODE_H

#include "module.h"
#include "stackmap_compact.h"

// Gives `out` Go's form of the function's compact pointer maps: FUNCDATA, and
// the stream of row numbers, which it has as stored, up to its end.
PCLN_MUST_CHECK enum pcln_status
pcln_decode_maps(const struct pcln_compact_maps *maps, struct pcln_module *m,
                 struct pcln_func_def *out);

#endif
