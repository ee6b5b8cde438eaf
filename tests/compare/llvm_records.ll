; SPDX-License-Identifier: Apache-2.0
;
; What LLVM's stack maps say that no pointer map does: deoptimisation values of
; each kind of place, a stackmap, and patchpoints with live-outs.
declare ptr addrspace(1) @allocate(i64)
declare void @llvm.experimental.stackmap(i64, i32, ...)
declare i64 @llvm.experimental.patchpoint.i64(i64, i32, ptr, i32, ...)

define ptr addrspace(1) @deopt(i64 %n, ptr addrspace(1) %r) gc "statepoint-example" {
  %slot = alloca i64
  store i64 %n, ptr %slot
  %a = call ptr addrspace(1) @allocate(i64 42)
      [ "deopt"(i32 -5, i64 81985529216486895, i64 -81985529216486895, i64 %n,
                ptr %slot, ptr addrspace(1) %r) ]
  %b = call ptr addrspace(1) @allocate(i64 1) [ "deopt"(i64 4294967296) ]
  store i64 1, ptr addrspace(1) %a
  store i64 1, ptr addrspace(1) %b
  ret ptr addrspace(1) %r
}

define i64 @patched(i64 %x, i64 %y) {
  %slot = alloca i64
  call void (i64, i32, ...) @llvm.experimental.stackmap(i64 77, i32 8, i64 %x,
      ptr %slot, i32 123456)
  %r = call i64 (i64, i32, ptr, i32, ...)
      @llvm.experimental.patchpoint.i64(i64 -2, i32 32, ptr null, i32 1, i64 %x,
      i64 %y, i64 81985529216486896)
  %s = add i64 %r, %y
  ret i64 %s
}

define anyregcc i64 @any(i64 %x, i64 %y) {
  %r = call anyregcc i64 (i64, i32, ptr, i32, ...)
      @llvm.experimental.patchpoint.i64(i64 79, i32 32, ptr null, i32 2, i64 %x,
      i64 %y)
  ret i64 %r
}

define i64 @plain(i64 %n) gc "statepoint-example" {
  %a = call ptr addrspace(1) @allocate(i64 42)
  ret i64 %n
}
