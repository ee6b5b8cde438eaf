// SPDX-License-Identifier: Apache-2.0
module gocorpus

go 1.21
