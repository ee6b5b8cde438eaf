// SPDX-License-Identifier: Apache-2.0
//
// Call frame information that compilers seldom or never write, one function
// for each case, x86-64. The code does what its directives say only where a
// test runs it; the readers of the directives are compared on all of it.

        .text
        .macro begin name
        .p2align 4
        .globl \name
        .type \name, @function
\name:
        .cfi_startproc
        .endm
        .macro end name
        ret
        .cfi_endproc
        .size \name, .-\name
        .endm

begin case_plain
        push %rbp
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %rbp, 0
        mov %rsp, %rbp
        .cfi_def_cfa_register %rbp
        pop %rbp
        .cfi_def_cfa %rsp, 8
        .cfi_restore %rbp
end case_plain

begin case_nested_states
        .rept 12
        .cfi_remember_state
        sub $16, %rsp
        .cfi_adjust_cfa_offset 16
        .endr
        nop
        .rept 12
        add $16, %rsp
        .cfi_restore_state
        .endr
end case_nested_states

// As GCC realigns the stack: the CFA is stored below the frame pointer.
begin case_realigned
        lea 8(%rsp), %r10
        .cfi_def_cfa %r10, 0
        and $-32, %rsp
        push -8(%r10)
        push %rbp
        .cfi_escape 0x10, 6, 2, 0x76, 0 // rbp at rbp+0
        mov %rsp, %rbp
        push %r10
        .cfi_escape 0x0f, 3, 0x76, 0x78, 0x06 // CFA = *(rbp-8)
        pop %r10
        .cfi_def_cfa %r10, 0
        pop %rbp
        lea -8(%r10), %rsp
        .cfi_def_cfa %rsp, 8
end case_realigned

// As OpenSSL's assembler: SP of the entry is kept on the stack.
begin case_saved_sp
        mov %rsp, %rax
        .cfi_def_cfa_register %rax
        push %rbp
        .cfi_offset %rbp, -16
        sub $64, %rsp
        mov %rax, 40(%rsp)
        .cfi_escape 0x0f, 5, 0x77, 40, 0x06, 0x23, 8 // *(rsp+40)+8
        mov 40(%rsp), %rax
        .cfi_def_cfa %rax, 8
        mov -8(%rax), %rbp
        .cfi_restore %rbp
        mov %rax, %rsp
        .cfi_def_cfa_register %rsp
end case_saved_sp

begin case_signal_frame
        .cfi_signal_frame
        .cfi_escape 0x0f, 4, 0x77, 0xa0, 1, 0x06 // CFA = *(rsp+160)
        .cfi_escape 0x10, 6, 3, 0x77, 0xf8, 0    // rbp at rsp+120
        .cfi_escape 0x10, 7, 3, 0x77, 0xa0, 1    // rsp at rsp+160
        .cfi_escape 0x10, 16, 3, 0x77, 0xa8, 1   // rip at rsp+168
        nop
end case_signal_frame

// As a PLT entry: the CFA depends on how far into 16 bytes the pc is.
        .p2align 4
begin case_plt
        .cfi_escape 0x0f, 11, 0x77, 8, 0x80, 0, 0x3f, 0x1a, 0x3b, 0x2a, 0x33, 0x24, 0x22
        .rept 47
        nop
        .endr
end case_plt

begin case_outermost
        .cfi_undefined %rip
        nop
        call case_plain
end case_outermost

// What no rule can say: each of these must come out as not unwindable, or with
// the frame pointer lost.
begin case_ra_in_register
        pop %r11
        .cfi_adjust_cfa_offset -8
        .cfi_register %rip, %r11
        nop
        push %r11
        .cfi_adjust_cfa_offset 8
        .cfi_offset %rip, -8
end case_ra_in_register

begin case_fp_in_register
        mov %rbp, %r9
        .cfi_register %rbp, %r9
        xor %ebp, %ebp
        mov %r9, %rbp
        .cfi_same_value %rbp
        .cfi_undefined %rbp
        nop
        .cfi_restore %rbp
end case_fp_in_register

begin case_sp_elsewhere
        .cfi_escape 0x14, 7, 2 // val_offset: rsp is CFA-16
        nop
        .cfi_escape 0x14, 7, 0 // rsp is the CFA
end case_sp_elsewhere

begin case_odd_expression
        .cfi_escape 0x0f, 5, 0x77, 8, 0x06, 0x06, 0x96 // **(rsp+8)
        nop
        .cfi_escape 0x0f, 4, 0x77, 8, 0x31, 0x1e // (rsp+8)*1
        nop
        .cfi_def_cfa %rsp, 8
        .cfi_escape 0x16, 6, 2, 0x77, 0 // val_expression: rbp is rsp
        nop
        .cfi_escape 0x2e, 16 // GNU_args_size
end case_odd_expression

        .section .note.GNU-stack, "", @progbits
