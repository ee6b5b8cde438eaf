// SPDX-License-Identifier: Apache-2.0
//
// Sizes of cells. Small ones in steps of 8, so that a struct of three
// references takes 24 bytes; then multiples of 16 in steps of an eighth or
// less; above 1 KiB what n cells of a block leave, so that no block has a tail.
// Of a size that is a multiple of 16, so is the class, and with it the
// alignment of all cells.
#include "heap_internal.h"

const uint16_t pclnrt_class_sizes[PCLNRT_CLASSES] = {
    16,   24,   32,   40,   48,    56,    64,    72,    80,   88,   96,
    104,  112,  120,  128,  144,   160,   176,   192,   208,  224,  240,
    256,  288,  320,  352,  384,   416,   448,   480,   512,  576,  640,
    704,  768,  832,  896,  960,   1024,  1168,  1296,  1488, 1632, 1808,
    2048, 2336, 2608, 2976, 3264,  3632,  4096,  4672,  5040, 5456, 5952,
    6544, 7280, 8192, 9360, 10912, 13104, 16384, 21840, 32768};

uint8_t pclnrt_class_fine[PCLNRT_FINE_MAX / 8 + 1];
uint8_t pclnrt_class_coarse[PCLNRT_SMALL_MAX / 16 + 1];

static void fill(uint8_t *table, size_t n, size_t step) {
  uint8_t class = 0;
  for (size_t i = 0; i < n; i++) {
    while (pclnrt_class_sizes[class] < i * step)
      class ++;
    table[i] = class;
  }
}

void pclnrt_classes_init(void) {
  fill(pclnrt_class_fine, sizeof pclnrt_class_fine, 8);
  fill(pclnrt_class_coarse, sizeof pclnrt_class_coarse, 16);
}
