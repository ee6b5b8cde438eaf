// SPDX-License-Identifier: Apache-2.0
module gomaps

go 1.21
