// SPDX-License-Identifier: Apache-2.0
// Its presence lets main.go declare functions without a body.
