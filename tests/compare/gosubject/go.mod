// SPDX-License-Identifier: Apache-2.0
module gosubject

go 1.21
