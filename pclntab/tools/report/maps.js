// SPDX-License-Identifier: Apache-2.0
//
// Which words of a function's frame are live at its safepoints.

class MapsTab {
  constructor(report, func, details) {
    this.report = report;
    this.func = func;
    this.details = details;
    this.count = 0;
  }
  make() {
    return emptyState("No stack maps", "A collector knows nothing of this frame.");
  }
}
