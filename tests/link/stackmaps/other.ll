; SPDX-License-Identifier: Apache-2.0
;
; A second module: its stack map is a second table in the section.
declare ptr addrspace(1) @allocate(i64)

$shared = comdat any
define linkonce_odr i64 @shared() noinline comdat gc "statepoint-example" {
  %a = call ptr addrspace(1) @allocate(i64 900)
  %junk = call ptr addrspace(1) @allocate(i64 7)
  %p = getelementptr i8, ptr addrspace(1) %a, i64 16
  %v = load i64, ptr addrspace(1) %p
  ret i64 %v
}
define i64 @share_too() gc "statepoint-example" {
  %r = call i64 @shared()
  ret i64 %r
}

; Deoptimisation values: constants of all widths, a value, a variable.
define i64 @deopt(i64 %n) gc "statepoint-example" {
  %slot = alloca i64
  store i64 %n, ptr %slot
  %a = call ptr addrspace(1) @allocate(i64 42)
  %junk = call ptr addrspace(1) @allocate(i64 7)
      [ "deopt"(i32 5, i64 81985529216486895, i64 %n, ptr %slot) ]
  %p = getelementptr i8, ptr addrspace(1) %a, i64 16
  %v = load i64, ptr addrspace(1) %p
  ret i64 %v
}
