; SPDX-License-Identifier: Apache-2.0
;
; Statepoints by hand, without any pass: tokens, live references and where they
; are afterwards.
declare ptr addrspace(1) @allocate(i64)
declare token @llvm.experimental.gc.statepoint.p0(i64, i32, ptr, i32, i32, ...)
declare ptr addrspace(1) @llvm.experimental.gc.result.p1(token)
declare ptr addrspace(1) @llvm.experimental.gc.relocate.p1(token, i32, i32)

define i64 @by_hand() gc "statepoint-example" {
  %1 = call token (i64, i32, ptr, i32, i32, ...)
      @llvm.experimental.gc.statepoint.p0(i64 17, i32 0,
      ptr elementtype(ptr addrspace(1) (i64)) @allocate, i32 1, i32 0,
      i64 3000, i32 0, i32 0)
  %a = call ptr addrspace(1) @llvm.experimental.gc.result.p1(token %1)
  %in = getelementptr i8, ptr addrspace(1) %a, i64 16
  %2 = call token (i64, i32, ptr, i32, i32, ...)
      @llvm.experimental.gc.statepoint.p0(i64 18, i32 0,
      ptr elementtype(ptr addrspace(1) (i64)) @allocate, i32 1, i32 0,
      i64 4000, i32 0, i32 0)
      [ "gc-live"(ptr addrspace(1) %a, ptr addrspace(1) %in) ]
  %b = call ptr addrspace(1) @llvm.experimental.gc.result.p1(token %2)
  %a2 = call ptr addrspace(1) @llvm.experimental.gc.relocate.p1(token %2, i32 0,
      i32 0)
  %in2 = call ptr addrspace(1) @llvm.experimental.gc.relocate.p1(token %2,
      i32 0, i32 1)
  %3 = call token (i64, i32, ptr, i32, i32, ...)
      @llvm.experimental.gc.statepoint.p0(i64 19, i32 0,
      ptr elementtype(ptr addrspace(1) (i64)) @allocate, i32 1, i32 0,
      i64 7, i32 0, i32 0)
      [ "gc-live"(ptr addrspace(1) %a2, ptr addrspace(1) %in2,
                  ptr addrspace(1) %b) ]
  %in3 = call ptr addrspace(1) @llvm.experimental.gc.relocate.p1(token %3,
      i32 0, i32 1)
  %b3 = call ptr addrspace(1) @llvm.experimental.gc.relocate.p1(token %3, i32 2,
      i32 2)
  %v = load i64, ptr addrspace(1) %in3
  %p = getelementptr i8, ptr addrspace(1) %b3, i64 16
  %w = load i64, ptr addrspace(1) %p
  %r = add i64 %v, %w
  ret i64 %r
}
