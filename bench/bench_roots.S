/* SPDX-License-Identifier: Apache-2.0
 *
 * Subject of bench_roots.c: 64 functions that call each other in turn.
 * bench_f0(depth) goes `depth` functions deep and then calls pclnrt_bench_walk().
 * Function n has a frame of 8 * (2 * (n % 8) + 11) bytes below its return
 * address, of whose 8 lowest words 4 hold references.
 * bench_returns lists the return addresses.
 */
#include "funcdata.h"

	.macro frame n, next, words
	.text
	.type	bench_f\n, @function
	.globl	bench_f\n
	.p2align 4
bench_f\n:
	.cfi_startproc
	subq	$8 * \words, %rsp
	.cfi_adjust_cfa_offset 8 * \words
	.if \words == 11
	POINTER_MAPS 1, 11, "pspsspspsss"
	.elseif \words == 13
	POINTER_MAPS 1, 13, "pspsspspsssss"
	.elseif \words == 15
	POINTER_MAPS 1, 15, "pspsspspsssssss"
	.else
	POINTER_MAPS 1, 17, "pspsspspsssssssss"
	.endif
	leaq	8(%rsp), %rax
	movq	%rax, 0(%rsp)
	movq	%rax, 16(%rsp)
	movq	%rax, 40(%rsp)
	movq	%rax, 56(%rsp)
	decq	%rdi
	jz	1f
	PCDATA	1, 0
	call	bench_f\next
2:	addq	$8 * \words, %rsp
	.cfi_remember_state
	.cfi_adjust_cfa_offset -8 * \words
	ret
	.cfi_restore_state
1:	call	pclnrt_bench_walk
	jmp	2b
	.cfi_endproc
	.size	bench_f\n, . - bench_f\n
	.section .data.rel.ro.bench, "aw"
	.quad	2b
	.endm

	.section .data.rel.ro.bench, "aw"
	.globl	bench_returns
	.p2align 3
bench_returns:
	.altmacro
	.set	i, 0
	.rept	64
	frame	%i, %((i + 1) & 63), %(11 + 2 * (i & 3))
	.set	i, i + 1
	.endr
	.section .note.GNU-stack, "", @progbits
