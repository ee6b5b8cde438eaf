// SPDX-License-Identifier: Apache-2.0
module gosym

go 1.21
