; SPDX-License-Identifier: Apache-2.0
;
; What a front end writes under the strategy "pclntab": calls as they are, for
; LLVM's RewriteStatepointsForGC or for the plug-in's own pass to lower.
target triple = "x86_64-pc-linux-gnu"
declare ptr addrspace(1) @alloc(i64)
declare void @use(ptr addrspace(1))
define ptr addrspace(1) @f(ptr addrspace(1) %a) gc "pclntab" {
  %d = getelementptr i8, ptr addrspace(1) %a, i64 8
  %n = call ptr addrspace(1) @alloc(i64 16)
  call void @use(ptr addrspace(1) %d)
  call void @use(ptr addrspace(1) %n)
  ret ptr addrspace(1) %a
}
