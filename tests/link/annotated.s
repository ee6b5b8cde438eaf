# SPDX-License-Identifier: Apache-2.0
#
# A function with two safepoints, a pair of a base and a derived pointer, a
# variable and a thread-local one, each described by a record as a compiler
# writes it (docs/annotations.md). x86-64.
	.text
	.globl	work
	.type	work, @function
work:
	.cfi_startproc
	subq	$40, %rsp
	.cfi_def_cfa_offset 48
	movq	%rdi, 8(%rsp)
	leaq	8(%rdi), %rax
	movq	%rax, 16(%rsp)
	call	callee
.Lret1:
	call	callee
.Lret2:
	movq	8(%rsp), %rax
	addq	$40, %rsp
	.cfi_def_cfa_offset 8
	ret
	.cfi_endproc
	.size	work, . - work
	.type	callee, @function
callee:
	.cfi_startproc
	xorl	%eax, %eax
	ret
	.cfi_endproc
	.size	callee, . - callee
	.globl main
	.type	main, @function
main:
	.cfi_startproc
	subq	$8, %rsp
	.cfi_def_cfa_offset 16
	xorl	%edi, %edi
	call	work
	xorl	%eax, %eax
	addq	$8, %rsp
	.cfi_def_cfa_offset 8
	ret
	.cfi_endproc
	.size	main, . - main
	.data
	.balign 8
	.globl list
	.type list, @object
	.size list, 48
list:	.zero 48
	.section .tbss,"awT",@nobits
	.balign 8
	.type own, @object
	.size own, 16
own:	.zero 16
	.section .note.GNU-stack,"",@progbits
	.section .debug_pclntab,"",@progbits
# Safepoints of work: at the first call a base and a pointer derived from it.
1:	.short 0x4350
	.byte 1, 3
	.long 2f - 1b
	.quad work
	.long callee - work, 2, 5, 40
	.asciz "work"
	.p2align 2
	.long .Lret1 - work
	.short 0, 2, 1, 0
	.short 7, 0
	.long 8, 1, 1
	.byte 2, 0, 0, 0
	.short 7, 0
	.long 16, 1, 1
	.byte 2, 0, 0, 0
	.short 7, 7
	.long 8, 16
	.long .Lret2 - work
	.short 0, 1, 0, 0
	.short 7, 0
	.long 8, 1, 1
	.byte 2, 0, 0, 0
2:
# Variables: two times three words of which two hold references; one.
3:	.short 0x4350
	.byte 1, 4
	.long 4f - 3b
	.quad list
	.long 0, 3, 2, 5
	.byte 0x26, 0, 0, 0   # pointer, scalar, pointer
	.asciz "list"
	.p2align 2
4:
5:	.short 0x4350
	.byte 1, 4
	.long 6f - 5b
	.quad own@dtpoff
	.long 1, 1, 1, 4
	.byte 2, 0, 0, 0
	.asciz "own"
	.p2align 2
6:
