# SPDX-License-Identifier: Apache-2.0
#
# Assembler code with and without sizes and types, and a section of its own.
 .text
 .globl f
 .type f,@function
f: push %rbp
 mov %rsp,%rbp
 nop
 call g
 pop %rbp
 ret
 .size f,.-f
 .p2align 4
g: xor %eax,%eax
 ret
 .byte 0xcc,0xcc
 .globl h
h: mov $1,%eax
 ret
 .section .text.other,"ax",@progbits
 .globl k
 .type k,@function
k: ret
 .size k,.-k
 .section .note.GNU-stack,"",@progbits
