; SPDX-License-Identifier: Apache-2.0
; A sieve in a vector; and primes as a stream of closures, of which each number
; that passes goes through a filter per prime before it.
(define (sieve n)
  (let ((v (make-vector (+ n 1) #t)) (count 0))
    (let loop ((i 2))
      (if (<= i n)
          (begin
            (if (vector-ref v i)
                (let cross ((k (* i i)))
                  (if (<= k n) (begin (vector-set! v k #f) (cross (+ k i)))))
                #f)
            (if (vector-ref v i) (set! count (+ count 1)))
            (loop (+ i 1)))))
    count))
(define limit (+ 100 (* size 1000)))
(display "primes up to " limit ": " (sieve limit) "\n")

(define (integers n) (cons n (lambda () (integers (+ n 1)))))
(define (rest s) ((cdr s)))
(define (filter p s)
  (if (p (car s))
      (cons (car s) (lambda () (filter p (rest s))))
      (filter p (rest s))))
(define (stream-sieve s)
  (cons (car s)
        (lambda ()
          (stream-sieve
            (filter (lambda (n) (> (remainder n (car s)) 0)) (rest s))))))
(define (take n s) (if (= n 0) '() (cons (car s) (take (- n 1) (rest s)))))
(display (take (+ 12 (* 10 size)) (stream-sieve (integers 2))) "\n")

; Constant memory, if tail calls leave nothing behind.
(define (run s n) (if (= n 0) (car s) (run (rest s) (- n 1))))
(display (run (integers 0) (+ 300 (* size 20000))) "\n")
