// SPDX-License-Identifier: Apache-2.0
//
// Functions as assembler programmers write them, x86-64: without size, without
// type, with entry points in the middle, with labels. tests/compare/functions.sh
// says what each must become.

        .text
        .p2align 4
        .globl sized_outer
        .type sized_outer, @function
sized_outer:                    // 8 bytes, of which 2 are sized_inner's
        nop
        nop
label_in_sized:                 // a jump target, no function
        nop
        .type sized_inner, @function
sized_inner:
        nop
        ret
        .size sized_inner, .-sized_inner
        nop
        nop
        ret
        .size sized_outer, .-sized_outer

        .p2align 4, 0x90
        .globl unsized_typed
        .type unsized_typed, @function
unsized_typed:                  // up to the padding before the next symbol
        nop
        ret

        .p2align 4, 0x90
        .globl untyped_global
untyped_global:
        .cfi_startproc
        nop
untyped_loop:                   // inside the FDE: a label
        jmp untyped_loop
        .cfi_endproc            // and its end is the function's
        nop
        nop

        .p2align 4, 0x90
        .globl same_place, same_place_longer
        .type same_place, @function
        .type same_place_longer, @function
same_place:
same_place_longer:
        nop
        nop
        ret
        .size same_place, 2
        .size same_place_longer, 3

        .p2align 4, 0x90
        .globl overlapping_first, overlapping_second
        .type overlapping_first, @function
        .type overlapping_second, @function
overlapping_first:              // cut where the second begins
        nop
        nop
overlapping_second:
        nop
        nop
        .size overlapping_first, .-overlapping_first
        ret
        .size overlapping_second, .-overlapping_second

        .p2align 4, 0x90        // no symbol at all, but an FDE
        .cfi_startproc
        nop
        ret
        .cfi_endproc

        .p2align 4, 0x90
        .cfi_startproc          // begins where a return address minus one leads
        .cfi_signal_frame
        nop
        .globl trampoline
trampoline:
        .type signal_return, @function
signal_return:
        mov $15, %rax
        syscall
        .cfi_endproc
        .size signal_return, .-signal_return
        .p2align 4, 0x90

        .globl $x, data_in_text
        .type data_in_text, @object
data_in_text:
        .quad 1
        .size data_in_text, 8
$x:
        .globl last_unsized
last_unsized:                   // to the next FDE, but for padding
        ret
        int3
        .byte 0x66, 0x2e, 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0 // nopw
        .cfi_startproc          // no symbol, behind one without size
        nop
        ret
        .cfi_endproc

        .section .note.GNU-stack, "", @progbits
