// SPDX-License-Identifier: Apache-2.0
//
// Lets the package declare a function without a body.
