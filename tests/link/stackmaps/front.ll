; SPDX-License-Identifier: Apache-2.0
;
; What a front end hands to RewriteStatepointsForGC: references in address space
; 1, ordinary calls. mover.c moves every object at every allocation, so a word
; that no map names leads to bytes that are no more.
;
; An object: {i64 header; next; i64 value}, 24 bytes.
declare ptr addrspace(1) @allocate(i64)
declare void @look(ptr)
declare i32 @personality(...)

define internal i64 @value(ptr addrspace(1) %o) alwaysinline {
  %p = getelementptr i8, ptr addrspace(1) %o, i64 16
  %v = load i64, ptr addrspace(1) %p
  ret i64 %v
}

; A list of n objects, the values n to 1. Recursion: a reference in each frame.
define ptr addrspace(1) @build(i64 %n) gc "statepoint-example" {
  %end = icmp eq i64 %n, 0
  br i1 %end, label %none, label %some
none:
  ret ptr addrspace(1) null
some:
  %o = call ptr addrspace(1) @allocate(i64 %n)
  %m = sub i64 %n, 1
  %rest = call ptr addrspace(1) @build(i64 %m)
  %next = getelementptr i8, ptr addrspace(1) %o, i64 8
  store ptr addrspace(1) %rest, ptr addrspace(1) %next
  ret ptr addrspace(1) %o
}

; A loop with an allocation in it.
define i64 @sum(ptr addrspace(1) %list) gc "statepoint-example" {
  br label %head
head:
  %o = phi ptr addrspace(1) [ %list, %0 ], [ %next, %body ]
  %s = phi i64 [ 0, %0 ], [ %t, %body ]
  %end = icmp eq ptr addrspace(1) %o, null
  br i1 %end, label %out, label %body
body:
  %junk = call ptr addrspace(1) @allocate(i64 7)
  %v = call i64 @value(ptr addrspace(1) %o)
  %t = add i64 %s, %v
  %field = getelementptr i8, ptr addrspace(1) %o, i64 8
  %next = load ptr addrspace(1), ptr addrspace(1) %field
  br label %head
out:
  ret i64 %s
}

; A pointer into an object, chosen at run time, live beside its base, and one
; whose base is live for its sake alone.
define i64 @derived(i64 %which) gc "statepoint-example" {
  %a = call ptr addrspace(1) @allocate(i64 10)
  %b = call ptr addrspace(1) @allocate(i64 20)
  %first = icmp eq i64 %which, 0
  br i1 %first, label %left, label %right
left:
  %in.a = getelementptr i8, ptr addrspace(1) %a, i64 16
  br label %both
right:
  %in.b = getelementptr i8, ptr addrspace(1) %b, i64 16
  br label %both
both:
  %in = phi ptr addrspace(1) [ %in.a, %left ], [ %in.b, %right ]
  %junk = call ptr addrspace(1) @allocate(i64 30)
  %x = load i64, ptr addrspace(1) %in
  %junk2 = call ptr addrspace(1) @allocate(i64 40)
  %y = load i64, ptr addrspace(1) %in
  %z = call i64 @value(ptr addrspace(1) %a)
  %xy = add i64 %x, %y
  %r = add i64 %xy, %z
  ret i64 %r
}

; More live references than registers, at calls where other ones live.
define i64 @many() gc "statepoint-example" {
  %a = call ptr addrspace(1) @allocate(i64 1)
  %b = call ptr addrspace(1) @allocate(i64 2)
  %c = call ptr addrspace(1) @allocate(i64 4)
  %d = call ptr addrspace(1) @allocate(i64 8)
  %e = call ptr addrspace(1) @allocate(i64 16)
  %f = call ptr addrspace(1) @allocate(i64 32)
  %g = call ptr addrspace(1) @allocate(i64 64)
  %h = call ptr addrspace(1) @allocate(i64 128)
  %v = call i64 @value(ptr addrspace(1) %a)
  %w = call i64 @value(ptr addrspace(1) %b)
  %x = call i64 @value(ptr addrspace(1) %c)
  %y = call i64 @value(ptr addrspace(1) %d)
  %junk = call ptr addrspace(1) @allocate(i64 3)
  %p = call i64 @value(ptr addrspace(1) %e)
  %q = call i64 @value(ptr addrspace(1) %f)
  %r = call i64 @value(ptr addrspace(1) %g)
  %s = call i64 @value(ptr addrspace(1) %h)
  %1 = add i64 %v, %w
  %2 = add i64 %x, %y
  %3 = add i64 %p, %q
  %4 = add i64 %r, %s
  %5 = add i64 %1, %2
  %6 = add i64 %3, %4
  %7 = add i64 %5, %6
  ret i64 %7
}

; Frames whose locals only SP tells, or only FP; and one with a frame pointer,
; in which LLVM counts from SP all the same.
define i64 @aligned() gc "statepoint-example" {
  %buf = alloca [4 x i64], align 64
  call void @look(ptr %buf)
  %a = call ptr addrspace(1) @allocate(i64 100)
  %b = call ptr addrspace(1) @allocate(i64 200)
  %junk = call ptr addrspace(1) @allocate(i64 7)
  %v = call i64 @value(ptr addrspace(1) %a)
  %w = call i64 @value(ptr addrspace(1) %b)
  %r = add i64 %v, %w
  ret i64 %r
}
define i64 @variable(i64 %n) gc "statepoint-example" {
  %buf = alloca i64, i64 %n
  call void @look(ptr %buf)
  %a = call ptr addrspace(1) @allocate(i64 300)
  %b = call ptr addrspace(1) @allocate(i64 400)
  %junk = call ptr addrspace(1) @allocate(i64 7)
  %v = call i64 @value(ptr addrspace(1) %a)
  %w = call i64 @value(ptr addrspace(1) %b)
  %r = add i64 %v, %w
  ret i64 %r
}
define i64 @framed() "frame-pointer"="all" gc "statepoint-example" {
  %a = call ptr addrspace(1) @allocate(i64 500)
  %b = call ptr addrspace(1) @allocate(i64 600)
  %junk = call ptr addrspace(1) @allocate(i64 7)
  %v = call i64 @value(ptr addrspace(1) %a)
  %w = call i64 @value(ptr addrspace(1) %b)
  %r = add i64 %v, %w
  ret i64 %r
}

; Arguments that are passed on the stack, and a call that may unwind.
define internal i64 @eight(i64 %1, i64 %2, i64 %3, i64 %4, i64 %5, i64 %6,
                           ptr addrspace(1) %a, ptr addrspace(1) %b)
    noinline gc "statepoint-example" {
  %junk = call ptr addrspace(1) @allocate(i64 7)
  %v = call i64 @value(ptr addrspace(1) %a)
  %junk2 = call ptr addrspace(1) @allocate(i64 7)
  %w = call i64 @value(ptr addrspace(1) %b)
  %r = add i64 %v, %w
  ret i64 %r
}
define i64 @passed() gc "statepoint-example" personality ptr @personality {
  %a = call ptr addrspace(1) @allocate(i64 700)
  %b = invoke ptr addrspace(1) @allocate(i64 800) to label %go unwind label %pad
go:
  %r = call i64 @eight(i64 1, i64 2, i64 3, i64 4, i64 5, i64 6,
                       ptr addrspace(1) %a, ptr addrspace(1) %b)
  ret i64 %r
pad:
  %l = landingpad token cleanup
  %v = call i64 @value(ptr addrspace(1) %a)
  ret i64 %v
}

; Another object has the same; one that nobody calls.
$shared = comdat any
define linkonce_odr i64 @shared() noinline comdat gc "statepoint-example" {
  %a = call ptr addrspace(1) @allocate(i64 900)
  %junk = call ptr addrspace(1) @allocate(i64 7)
  %v = call i64 @value(ptr addrspace(1) %a)
  ret i64 %v
}
define i64 @use_shared() gc "statepoint-example" {
  %r = call i64 @shared()
  ret i64 %r
}
define i64 @nobody_calls_this() gc "statepoint-example" {
  %a = call ptr addrspace(1) @allocate(i64 1000)
  %junk = call ptr addrspace(1) @allocate(i64 7)
  %v = call i64 @value(ptr addrspace(1) %a)
  ret i64 %v
}
