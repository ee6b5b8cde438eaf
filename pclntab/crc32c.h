// SPDX-License-Identifier: Apache-2.0
//
// CRC-32C (Castagnoli), the checksum of a table. Written by the encoder, held
// against the bytes by pcln_verify(). Allocates nothing; any thread, any signal
// handler.
#ifndef PCLNTAB_CRC32C_H
#define PCLNTAB_CRC32C_H

#include <stddef.h>
#include <stdint.h>

// The checksum of `len` bytes that follow bytes with checksum `crc` (at first:
// 0).
uint32_t pcln_crc32c(uint32_t crc, const void *bytes, size_t len);

// The checksum of a blob: that of its bytes with the field PCLN_MOD_CHECKSUM
// taken as 0. `len` is at least PCLN_MOD_SIZE.
uint32_t pcln_blob_checksum(const uint8_t *blob, size_t len);

// For tests: the way of machines without the instruction.
uint32_t pcln_crc32c_portable(uint32_t crc, const void *bytes, size_t len);

#endif
